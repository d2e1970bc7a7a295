"""Answers drawn on the picture or video that they speak of: boxes, tracks, paths, events."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cosmos_policy.reasoner.clips import Clip
from cosmos_policy.reasoner.tasks.answers import Box, Event, Marks, Point

#: distinct on dark and light pictures alike, also to most of the colour-blind (Okabe and Ito, 2008)
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
#: line width and text height as parts of the picture's shorter side
LINE, LETTERS = 1 / 160, 1 / 26


def draw_on_picture(picture: np.ndarray, marks: Marks) -> np.ndarray:
    """A copy of `picture`, uint8 [H, W, 3], with `marks` on it."""
    canvas = _Canvas(picture)
    for number, boxes in enumerate((marks.tracks or {}).values()):
        for box in boxes:
            canvas.box(box, COLOURS[number % len(COLOURS)])
    canvas.points(marks.points, marks.path)
    return canvas.pixels()


def draw_on_clip(clip: Clip, marks: Marks) -> np.ndarray:
    """Copies of the clip's frames, uint8 [T, H, W, 3], each with what `marks` say of its time.

    Between two times of a track its box moves evenly, and a line shows where its middle has been; before the first and
    after the last there is none.
    """
    frames = []
    for frame, time_s in zip(clip.frames, clip.times_s, strict=True):
        canvas = _Canvas(frame)
        for number, track in enumerate((marks.tracks or {}).values()):
            box = box_at(track, time_s, 0.5 / clip.fps)
            if box is not None:
                canvas.trail([*(past for past in track if past.time_s < time_s), box], COLOURS[number % len(COLOURS)])
                canvas.box(box, COLOURS[number % len(COLOURS)])
        canvas.points([point for point in marks.points if point.time_s in (None, time_s)], marks.path)
        canvas.events([event for event in marks.events if event.start_s <= time_s <= event.end_s])
        frames.append(canvas.pixels())
    return np.stack(frames)


def box_at(track: tuple[Box, ...], time_s: float, tolerance_s: float) -> Box | None:
    """Where a track's box is at `time_s`; None before its first time and after its last, give or take `tolerance_s`."""
    for before, after in pairwise(track):
        if before.time_s <= time_s <= after.time_s and after.time_s > before.time_s:
            share = (time_s - before.time_s) / (after.time_s - before.time_s)
            corners = {
                name: (1 - share) * getattr(before, name) + share * getattr(after, name)
                for name in ("x1_px", "y1_px", "x2_px", "y2_px")
            }
            return before.model_copy(update={**corners, "time_s": time_s})
    nearest = min(track, key=lambda box: abs(box.time_s - time_s))
    return nearest if abs(nearest.time_s - time_s) <= tolerance_s else None


class _Canvas:
    """One picture that is drawn on."""

    def __init__(self, picture: np.ndarray):
        self._image = Image.fromarray(picture)
        self._draw = ImageDraw.Draw(self._image)
        shorter = min(picture.shape[:2])
        self._line = max(2, round(LINE * shorter))
        self._font = ImageFont.load_default(max(11.0, LETTERS * shorter))

    def pixels(self) -> np.ndarray:
        return np.asarray(self._image)

    def box(self, box: Box, colour: tuple[int, int, int]) -> None:
        self._draw.rectangle((box.x1_px, box.y1_px, box.x2_px, box.y2_px), outline=colour, width=self._line)
        self._label(box.x1_px, box.y1_px, box.label, colour)

    def trail(self, boxes: list[Box], colour: tuple[int, int, int]) -> None:
        middles = [((box.x1_px + box.x2_px) / 2, (box.y1_px + box.y2_px) / 2) for box in boxes]
        if len(middles) > 1:
            self._draw.line(middles, fill=colour, width=self._line)

    def points(self, points: list[Point] | tuple[Point, ...], path: bool) -> None:
        radius = 2 * self._line
        if path and len(points) > 1:
            self._draw.line([(point.x_px, point.y_px) for point in points], fill=COLOURS[0], width=self._line)
        for number, point in enumerate(points):
            colour = COLOURS[0] if path else COLOURS[number % len(COLOURS)]
            x, y = point.x_px, point.y_px
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(0, 0, 0))
            self._label(x + radius, y - radius, str(number + 1) if path else point.label, colour)

    def events(self, events: list[Event]) -> None:
        """The captions, at the bottom, in as many lines as they need."""
        width, height = self._image.size
        lines = [line for event in events for line in self._wrapped(event.caption, width - 4 * self._line)]
        step = self._font.size * 1.3
        top = height - step * len(lines) - self._line
        if lines:
            self._draw.rectangle((0, top, width, height), fill=(0, 0, 0))
        for number, line in enumerate(lines):
            self._draw.text((2 * self._line, top + step * number), line, fill=(255, 255, 255), font=self._font)

    def _wrapped(self, text: str, width: float) -> list[str]:
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self._draw.textlength(longer, font=self._font) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def _label(self, x: float, y: float, text: str, colour: tuple[int, int, int]) -> None:
        """A name above the place, within the picture, in black or white on its colour."""
        if not text:
            return
        left, top, right, bottom = self._draw.textbbox((0, 0), text, font=self._font)
        width, height = right - left + 2 * self._line, bottom - top + 2 * self._line
        x = min(max(0.0, x), max(0.0, self._image.width - width))
        y = max(0.0, y - height)
        self._draw.rectangle((x, y, x + width, y + height), fill=colour)
        ink = (0, 0, 0) if sum(colour) > 330 else (255, 255, 255)
        self._draw.text((x + self._line - left, y + self._line - top), text, fill=ink, font=self._font)
