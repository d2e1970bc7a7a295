"""Prepared episodes: all that training reads of a dataset, in a few files that need neither LeRobot nor videos.

A folder with ``prepared.json`` (what the episodes are) and ``episodes/000012.npz``: unified actions, state rows, and
the composed frames, fitted to their canvas but without its padding, as WebP pictures, so that any clip is read without
the rest. It is written once, and can be carried to another machine.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.inputs import Fit

FILE = "prepared.json"
VERSION = 1


@dataclass(frozen=True)
class EpisodeFacts:
    """index: in the dataset. task: its instruction. frames: N pictures; actions may reach further, at rest."""

    index: int
    task: str
    frames: int
    actions: int


@dataclass(frozen=True, eq=False)
class PreparedDataset:
    """A folder of prepared episodes.

    source, fingerprint: the dataset they come from. embodiment: its name (or YAML file). fps: of frames and actions.
    tier, fit: how frames were fitted to their canvas. notes: what was done that a reader of results should know.
    """

    folder: Path
    source: str
    fingerprint: str
    embodiment: str
    fps: float
    tier: int
    fit: Fit
    episodes: tuple[EpisodeFacts, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def numbers(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """episode index -> (unified actions float64 [A, D], unified state rows float64 [A + 1, D] or [0, D])."""
        found = {}
        for facts in self.episodes:
            with self._open(facts.index) as arrays:
                found[facts.index] = (arrays["actions"], arrays["state"])
        return found

    def frames(self, episode: int, rows: Sequence[int]) -> np.ndarray:
        """Pictures of an episode without padding, uint8 [len(rows), content height, content width, 3]; rows beyond the
        last picture show that one."""
        from PIL import Image

        with self._open(episode) as arrays:
            ends, blob = arrays["picture_ends"], arrays["pictures"]
        starts = np.concatenate([[0], ends[:-1]])

        def picture(row: int) -> np.ndarray:
            with Image.open(io.BytesIO(blob[starts[row] : ends[row]].tobytes())) as image:
                return np.asarray(image.convert("RGB"))

        wanted = [min(row, len(ends) - 1) for row in rows]
        different = {row: picture(row) for row in dict.fromkeys(wanted)}
        return np.stack([different[row] for row in wanted])

    def canvases(self, episode: int, rows: Sequence[int]) -> np.ndarray:
        """The same with the canvas's padding, uint8 [len(rows), canvas height, canvas width, 3]."""
        return pad_to_canvas(self.frames(episode, rows), self.fit)

    def _open(self, episode: int):
        path = self.folder / "episodes" / f"{episode:06d}.npz"
        try:
            return np.load(path)
        except (OSError, ValueError) as error:
            raise Failure(f"{path} cannot be read ({error}); prepare the dataset again.") from error


def pad_to_canvas(frames: np.ndarray, fit: Fit) -> np.ndarray:
    """uint8 [T, content height, content width, 3] -> [T, canvas height, canvas width, 3]."""
    if fit.pad_mode is None:
        return frames
    return np.pad(frames, ((0, 0), (0, fit.pad_bottom), (0, fit.pad_right), (0, 0)), mode=fit.pad_mode)


def is_prepared(folder: Path) -> bool:
    """Whether `folder` holds prepared episodes."""
    return (folder / FILE).is_file()


def read_prepared(folder: Path) -> PreparedDataset:
    """The prepared episodes in `folder`; a :class:`UsageError` where it holds none, or of another version."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no prepared episodes ({error}).") from None
    if content.pop("version", None) != VERSION:
        raise UsageError(f"{folder} was prepared by another version of this software; prepare the dataset again.")
    content["fit"] = Fit(**content["fit"])
    content["episodes"] = tuple(EpisodeFacts(**facts) for facts in content["episodes"])
    content["notes"] = tuple(content["notes"])
    return PreparedDataset(folder=folder, **content)


def write_episode(
    folder: Path, index: int, actions: np.ndarray, state: np.ndarray, frames: np.ndarray, quality: int
) -> None:
    """One episode's file.

    actions: float64 [A, D]. state: float64 [A + 1, D] or [0, D]. frames: uint8 [N, h, w, 3]. quality: WebP's, 1 to 100.
    """
    from PIL import Image

    def picture(frame: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, format="WEBP", quality=quality, method=4)
        return buffer.getvalue()

    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(picture, frames))
    path = folder / "episodes" / f"{index:06d}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            actions=actions,
            state=state,
            pictures=np.frombuffer(b"".join(pictures), dtype=np.uint8),
            picture_ends=np.cumsum([len(picture) for picture in pictures]),
        )
    unfinished.replace(path)


def write_prepared(dataset: PreparedDataset) -> None:
    """``prepared.json``, last: a folder without it is unfinished."""
    content = {
        "version": VERSION,
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "embodiment": dataset.embodiment,
        "fps": dataset.fps,
        "tier": dataset.tier,
        "fit": asdict(dataset.fit),
        "episodes": [asdict(facts) for facts in dataset.episodes],
        "notes": list(dataset.notes),
    }
    (dataset.folder / FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
