"""What a task is: how it is asked, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.clips import Clip
from cosmos_policy.reasoner.tasks.answers import TypedAnswer
from cosmos_policy.types import Reply


class Unreadable(ValueError):
    """The answer is not in the form that was asked for; the message says why, and is told to the model."""


@dataclass(frozen=True)
class Ask:
    """What is asked beside the picture or video.

    question: in the user's words. interval_s: (start, end) in seconds, for questions about a part of a video. driving:
    whether the camera is a car's.
    """

    question: str = ""
    interval_s: tuple[float, float] | None = None
    driving: bool = False

    def __post_init__(self) -> None:
        """An interval that ends before it begins asks nothing."""
        if self.interval_s is not None and not 0 <= self.interval_s[0] < self.interval_s[1]:
            raise UsageError(f"interval_s is {self.interval_s}; expected (start, end) in seconds, 0 <= start < end.")


@dataclass(frozen=True)
class Scene:
    """What the answer speaks of. width_px, height_px: of the picture, or of the video's frames. duration_s: of the
    video; None for a picture. step_s: seconds between two frames that were looked at: times are no finer."""

    width_px: int
    height_px: int
    duration_s: float | None = None
    step_s: float = 0.0

    @classmethod
    def of(cls, shown: np.ndarray | Clip) -> Scene:
        """shown: uint8 [H, W, 3], or a clip."""
        if isinstance(shown, Clip):
            height, width = shown.frames.shape[1:3]
            steps = np.diff(shown.times_s)
            return cls(width, height, shown.duration_s, float(steps.max()) if len(steps) else shown.duration_s)
        return cls(shown.shape[1], shown.shape[0])

    @property
    def kind(self) -> Literal["image", "video"]:
        return "image" if self.duration_s is None else "video"


@dataclass(frozen=True)
class Task:
    """name: on the command line. summary: one line. media: what may be shown. question: whether one must be given.

    answer: the type of the typed answer. prompt: (ask, scene) -> what the model is told after the picture or video.
    parse: (what it answered, ask, scene) -> the typed answer; raises :class:`Unreadable`. options: fields of
    :class:`Ask` beside the question that it heeds. reasoning: whether thoughts are asked for where nobody says.
    """

    name: str
    summary: str
    answer: type[TypedAnswer]
    prompt: Callable[[Ask, Scene], str]
    parse: Callable[[str, Ask, Scene], TypedAnswer]
    media: Sequence[str] = ("image", "video")
    question: Literal["required", "optional", "none"] = "required"
    options: Sequence[str] = ()
    reasoning: bool = False

    def check(self, ask: Ask, scene: Scene) -> None:
        """Raise a :class:`UsageError` where the task cannot be asked like this."""
        if scene.kind not in self.media:
            raise UsageError(f"{self.name} is asked of {' or '.join(self.media)}, not of {scene.kind}.")
        if self.question == "required" and not ask.question and not any(getattr(ask, name) for name in self.options):
            raise UsageError(f"{self.name} needs a question: {self.summary}")
        if self.question == "none" and ask.question:
            raise UsageError(f"{self.name} takes no question: {self.summary}")
        for name in ("interval_s", "driving"):
            if getattr(ask, name) and name not in self.options:
                raise UsageError(f"{name} means nothing to {self.name}.")
        if ask.interval_s is not None and scene.duration_s is not None and ask.interval_s[1] > scene.duration_s + 1e-6:
            raise UsageError(f"interval_s ends at {ask.interval_s[1]:g} s; the video lasts {scene.duration_s:.2f} s.")


@dataclass(frozen=True)
class TaskAnswer:
    """value: the typed answer, or None where it could not be read; `problem` says why then, and text is what there is.

    reasoning: the thoughts, where there were any. replies: what the model said, the second time because the first could
    not be read. scene: what the answer speaks of.
    """

    task: str
    value: TypedAnswer | None
    text: str
    reasoning: str | None
    problem: str | None
    replies: tuple[Reply, ...]
    scene: Scene
