"""What a reader of a film wants to know, drawn above its pictures by Pillow (players lay their controls below)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Pictures are enlarged by a whole number until they are at least so wide, pixels: text has to be read.
SMALLEST_WIDTH = 480
PANEL_HEIGHT = 96
MARGIN = 12
FONT_SIZE = 16
#: How long the end stands still, so that it can be read, in frames.
HELD_FRAMES = 12

BACKGROUND, TEXT, SOFT = (22, 26, 33), (238, 241, 245), (150, 160, 172)
PLANNED, EXECUTED, DONE = (58, 68, 82), (104, 132, 168), (92, 178, 255)
YES, NO = (66, 190, 120), (232, 92, 80)


@dataclass(frozen=True)
class Caption:
    """What is told at one instant.

    step of steps, time_s of limit_s: how far the episode is. chunk, row: of what is executed; None while the first
    chunk is on its way. executed_rows: the first row of the chunk that is executed, and the one after the last.
    chunk_size: rows that were planned. success: how the episode ended, at its last instant; None before.
    """

    instruction: str
    step: int
    steps: int
    time_s: float
    limit_s: float
    chunk: int | None
    row: int | None
    executed_rows: tuple[int, int] | None
    chunk_size: int
    success: bool | None


def captioned(frames: np.ndarray, captions: Sequence[Caption]) -> np.ndarray:
    """Frames, uint8 [T, H, W, 3], enlarged and with a panel above, one caption each; the last one stands a while.

    The panel tells the instruction, the step, and the chunk as a row of cells: dark is planned and never executed, grey
    will be, blue was.
    """
    factor = -(-SMALLEST_WIDTH // frames.shape[2])
    drawn = [_captioned(frame, caption, factor) for frame, caption in zip(frames, captions, strict=True)]
    return np.stack([*drawn, *[drawn[-1]] * HELD_FRAMES])


def _captioned(frame: np.ndarray, caption: Caption, factor: int) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    height, width = frame.shape[0] * factor, frame.shape[1] * factor
    height, width = height + height % 2, width + width % 2  # H.264 wants even sizes
    picture = Image.new("RGB", (width, height + PANEL_HEIGHT), BACKGROUND)
    enlarged = Image.fromarray(frame).resize((frame.shape[1] * factor, frame.shape[0] * factor), Image.NEAREST)
    picture.paste(enlarged, (0, PANEL_HEIGHT))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    left, right, top = MARGIN, width - MARGIN, 8
    told = f"step {caption.step} of {caption.steps}   {caption.time_s:.1f} s of {caption.limit_s:.1f} s"
    if caption.success is not None:
        colour = YES if caption.success else NO
        _text(draw, (right, top), "done" if caption.success else "not done", font, colour, "ra")
        draw.rectangle((0, PANEL_HEIGHT, width - 1, PANEL_HEIGHT + height - 1), outline=colour, width=4)
    room = right - left - (90 if caption.success is not None else 0)
    _text(draw, (left, top), _fitting(draw, caption.instruction, font, room), font, TEXT, "la")
    _text(draw, (left, top + 24), told, font, SOFT, "la")
    if caption.chunk is None:
        _text(draw, (left, top + 52), "the first chunk is on its way", font, SOFT, "la")
    else:
        _text(draw, (right, top + 24), f"chunk {caption.chunk}, row {caption.row}", font, SOFT, "ra")
        _cells(draw, caption, left, right, top + 56)
    return np.asarray(picture)


def _cells(draw, caption: Caption, left: int, right: int, top: int) -> None:
    """The rows of a chunk, side by side. draw: of Pillow."""
    first, end = caption.executed_rows
    for row in range(caption.chunk_size):
        start, stop = (left + (right - left) * index / caption.chunk_size for index in (row, row + 1))
        colour = PLANNED if not first <= row < end else DONE if row <= caption.row else EXECUTED
        draw.rectangle((round(start), top, max(round(stop) - 2, round(start)), top + 16), fill=colour)


def _text(draw, place: tuple[int, int], words: str, font, colour: tuple[int, int, int], anchor: str) -> None:
    draw.text(place, words, fill=colour, font=font, anchor=anchor)


def _fitting(draw, words: str, font, width: float) -> str:
    """`words`, cut where they would be wider than so many pixels."""
    if draw.textlength(words, font=font) <= width:
        return words
    while words and draw.textlength(words + "…", font=font) > width:
        words = words[:-1]
    return words.rstrip() + "…"
