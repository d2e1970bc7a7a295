"""Captions are drawn where they cannot be mistaken for what was seen."""

import numpy as np

from sim_eval.media.overlay import (
    DONE,
    EXECUTED,
    HELD_FRAMES,
    PANEL_HEIGHT,
    PLANNED,
    SMALLEST_WIDTH,
    YES,
    Caption,
    captioned,
)


def caption(step, success=None, chunk=1, row=6):
    rows = None if chunk is None else (2, 10)
    return Caption("lift the red cube", step, 3, step / 15, 12.0, chunk, row, rows, 16, success)


def colours(panel):
    return {tuple(int(value) for value in colour) for colour in panel.reshape(-1, 3)}


def test_pictures_are_enlarged_and_otherwise_untouched():
    frames = np.random.default_rng(0).integers(0, 256, (4, 30, 50, 3), dtype=np.uint8)
    drawn = captioned(frames, [caption(0, chunk=None), caption(1), caption(2), caption(3, success=True)])
    assert drawn.shape == (4 + HELD_FRAMES, PANEL_HEIGHT + 300, 500, 3) and drawn.shape[2] >= SMALLEST_WIDTH
    np.testing.assert_array_equal(drawn[1, PANEL_HEIGHT::10, ::10], frames[1])
    np.testing.assert_array_equal(drawn[-1], drawn[3])


def test_the_panel_tells_the_rows_of_the_chunk():
    frames = np.zeros((3, 60, 480, 3), np.uint8)
    drawn = captioned(frames, [caption(0, chunk=None), caption(1), caption(2, success=True)])
    first, second, last = (frame[:PANEL_HEIGHT] for frame in drawn[:3])
    assert not {PLANNED, EXECUTED, DONE} & colours(first), "no chunk has come yet"
    cells = [tuple(int(value) for value in second[70, x]) for x in np.linspace(12, 468, 17)[:16].astype(int) + 4]
    assert cells == [PLANNED] * 2 + [DONE] * 5 + [EXECUTED] * 3 + [PLANNED] * 6
    assert YES in colours(drawn[2, PANEL_HEIGHT:]) and YES not in colours(second) and YES in colours(last)


def test_long_instructions_are_cut():
    frames = np.zeros((1, 40, 480, 3), np.uint8)
    long = Caption("put it away " * 20, 0, 1, 0.0, 12.0, None, None, None, 16, None)
    panel = captioned(frames, [long])[0, :PANEL_HEIGHT]
    assert (panel[:, -8:] == panel[-1, -1]).all(), "nothing runs over the edge"
