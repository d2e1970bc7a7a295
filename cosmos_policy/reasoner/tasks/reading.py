"""JSON, times and coordinates in what a model says; everything else raises :class:`Unreadable` with the reason."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from cosmos_policy.reasoner.tasks.answers import Box, Point
from cosmos_policy.reasoner.tasks.task import Scene, Unreadable

#: coordinates in the model's words go from 0 to this on each axis, whatever the picture's shape
#: (reasoner_prompt_guide.md of NVIDIA/cosmos)
FULL_SCALE = 1000.0
_START, _JSON_LIKE = re.compile(r"[\[{]"), re.compile(r'\[\s*[\]{]|\{\s*["}]')
_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
Said = TypeVar("Said", bound=BaseModel)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


class SaidModel(BaseModel):
    """Base of what the model says: other keys than those that were asked for are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def read_json(text: str) -> Any:
    """The JSON in an answer, an object or a list of objects: in a fenced block, else the first among its words.

    Nothing is taken out of JSON that is broken or cut off: half a list would pass for a whole one.
    """
    blocks = _FENCED.findall(text) or [text]
    for block in blocks:
        place = 0
        while start := _START.search(block, place):
            try:
                content, place = _DECODER.raw_decode(block, start.start())
            except (ValueError, RecursionError) as error:
                if _JSON_LIKE.match(block, start.start()):
                    raise Unreadable(f"its JSON is broken or cut off ({str(error)[:80]})") from None
                place = start.end()
                continue
            if isinstance(content, dict) or all(isinstance(item, dict) for item in content):
                return content
    raise Unreadable("it holds no JSON")


def read_items(text: str, kind: type[Said]) -> list[Said]:
    """The JSON list in an answer, each of its items checked; one bare item counts as a list of one."""
    content = read_json(text)
    return [check(item, kind) for item in (content if isinstance(content, list) else [content])]


def check(item: Any, kind: type[Said]) -> Said:
    """`item` as a `kind`."""
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"in {json.dumps(item)[:120]}, {where or 'the item'}: {first['msg']}") from None


def read_time(value: Any) -> float:
    """Seconds from 12.5, "12.5", "12.5 s", "00:12.50" or "0:00:12.5"."""
    if isinstance(value, bool):
        raise ValueError("a time is seconds or mm:ss.ff")
    if isinstance(value, (int, float)) and abs(value) < 1e9:
        return float(value)
    text = str(value).strip()
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    plain = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:s|sec|seconds)?", text)
    if plain:
        return float(plain[1])
    raise ValueError(f"{text[:40]!r} is no time: expected seconds or mm:ss.ff")


def check_time(time_s: float, scene: Scene) -> float:
    """`time_s` within the video, give or take the step between the frames that were looked at."""
    if scene.duration_s is not None and not 0 <= time_s <= scene.duration_s + scene.step_s:
        raise Unreadable(f"{time_s:g} s is outside of the video, which lasts {scene.duration_s:.2f} s")
    return time_s


def to_pixels(x: float, y: float, scene: Scene) -> tuple[float, float]:
    """A place on the model's scale in the picture's pixels."""
    if not (0 <= x <= FULL_SCALE and 0 <= y <= FULL_SCALE):
        raise Unreadable(f"[{x:g}, {y:g}] is outside of the picture: coordinates go from 0 to {FULL_SCALE:.0f}")
    return x / FULL_SCALE * scene.width_px, y / FULL_SCALE * scene.height_px


class SaidPlace(SaidModel):
    """One place in the model's words: a box or a point, on its scale of 0 to 1000; in a video with a time."""

    bbox_2d: tuple[float, float, float, float] | None = None
    point_2d: tuple[float, float] | None = None
    label: str = ""
    time: float | None = None

    @field_validator("time", mode="before")
    @classmethod
    def _time(cls, value: Any) -> float | None:
        return None if value is None else read_time(value)

    def place(self, scene: Scene) -> Box | Point:
        """In pixels."""
        if (self.bbox_2d is None) == (self.point_2d is None):
            raise Unreadable('each item must have either "bbox_2d" or "point_2d"')
        time_s = None if self.time is None or scene.kind == "image" else check_time(self.time, scene)
        if self.point_2d is not None:
            x, y = to_pixels(*self.point_2d, scene)
            return Point(x_px=x, y_px=y, label=self.label, time_s=time_s)
        (x1, y1), (x2, y2) = to_pixels(*self.bbox_2d[:2], scene), to_pixels(*self.bbox_2d[2:], scene)
        if x1 >= x2 or y1 >= y2:
            raise Unreadable(f"the box {list(self.bbox_2d)} is empty: expected [x1, y1, x2, y2] with x1 < x2, y1 < y2")
        return Box(x1_px=x1, y1_px=y1, x2_px=x2, y2_px=y2, label=self.label, time_s=time_s)


def plain_text(text: str) -> str:
    """The answer in plain words; none at all is no answer."""
    if not text.strip():
        raise Unreadable("it is empty")
    return text.strip()
