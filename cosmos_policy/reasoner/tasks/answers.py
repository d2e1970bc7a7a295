"""Typed answers and what they are made of. Places are in pixels from the top left corner, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class TypedAnswer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def marks(self) -> Marks:
        """What of the answer can be drawn on the picture or video; nothing, where a task says nothing else."""
        return Marks()


class Text(TypedAnswer):
    """An answer in plain words."""

    text: str


class Point(BaseModel):
    """A place in the picture. time_s: in a video, seconds from its start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x_px: float
    y_px: float
    label: str = ""
    time_s: float | None = None


class Box(BaseModel):
    """A box in the picture: top left and bottom right corner. time_s: in a video, seconds from its start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x1_px: float
    y1_px: float
    x2_px: float
    y2_px: float
    label: str = ""
    time_s: float | None = None


class Event(BaseModel):
    """start_s, end_s: seconds from the video's start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_s: float
    end_s: float
    caption: str


@dataclass(frozen=True)
class Marks:
    """tracks: label -> boxes in the order of their times; in a picture, all. path: whether the points are one."""

    tracks: dict[str, tuple[Box, ...]] | None = None
    points: tuple[Point, ...] = ()
    path: bool = False
    events: tuple[Event, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tracks or self.points or self.events)
