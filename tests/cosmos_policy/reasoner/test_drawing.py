"""Answers drawn: in the pixels that they name, at the times that they name, and nowhere else."""

import numpy as np
import pytest

from cosmos_policy.reasoner.clips import Clip
from cosmos_policy.reasoner.drawing import COLOURS, box_at, draw_on_clip, draw_on_picture
from cosmos_policy.reasoner.tasks.answers import Box, Event, Marks, Point

GREY = np.full((120, 160, 3), 128, np.uint8)


def box(x1, y1, x2, y2, label="", time_s=None) -> Box:
    return Box(x1_px=x1, y1_px=y1, x2_px=x2, y2_px=y2, label=label, time_s=time_s)


def changed(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero((drawn != 128).any(axis=-1))


def test_a_box_is_an_outline_in_its_place():
    drawn = draw_on_picture(GREY, Marks(tracks={"": (box(40, 30, 100, 90),)}))
    rows, columns = changed(drawn)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 90, 40, 100)
    assert (drawn[60, 70] == 128).all() and tuple(drawn[30, 70]) == COLOURS[0]
    assert (GREY == 128).all(), "the picture that was given stays as it was"


def test_each_label_has_its_colour_and_its_name_stays_in_the_picture():
    marks = Marks(tracks={"cup": (box(5, 40, 50, 90, "cup"),), "a bowl": (box(110, 2, 158, 60, "a bowl"),)})
    drawn = draw_on_picture(GREY, marks)
    assert tuple(drawn[60, 5]) == COLOURS[0] and tuple(drawn[30, 157]) == COLOURS[1]
    assert (draw_on_picture(GREY, Marks(tracks={"": (box(5, 40, 50, 90),)}))[35, 10] == 128).all()
    assert (drawn[35, 6:30] != 128).any(), "the name stands above the box"


def test_a_path_joins_its_points():
    points = (Point(x_px=20, y_px=60), Point(x_px=120, y_px=60))
    joined = draw_on_picture(GREY, Marks(points=points, path=True))
    apart = draw_on_picture(GREY, Marks(points=points))
    assert (joined[60, 70] != 128).any() and (apart[60, 70] == 128).all()
    assert (apart[60, 20] != 128).any() and (apart[60, 120] != 128).any()


def test_a_track_moves_between_its_times_and_is_nowhere_else():
    track = (box(0, 0, 10, 10, time_s=1.0), box(40, 20, 50, 30, time_s=3.0))
    assert box_at(track, 2.0, 0.1).model_dump() == box(20, 10, 30, 20, time_s=2.0).model_dump()
    assert box_at(track, 1.0, 0.1) == track[0].model_copy(update={"time_s": 1.0})
    assert box_at(track, 0.95, 0.1) == track[0]
    assert box_at(track, 0.5, 0.1) is None and box_at(track, 3.5, 0.1) is None
    assert box_at(track[:1], 1.05, 0.1) == track[0]


def test_frames_show_what_holds_at_their_time():
    clip = Clip(np.repeat(GREY[None], 5, axis=0), (0.0, 1.0, 2.0, 3.0, 4.0), 5.0, 1.0)
    marks = Marks(
        tracks={"cup": (box(10, 40, 30, 60, time_s=1.0), box(90, 40, 110, 60, time_s=2.0))},
        events=(Event(start_s=3.0, end_s=4.0, caption="The cup stands. " * 6),),
    )
    drawn = draw_on_clip(clip, marks)
    touched = [bool(len(changed(frame)[0])) for frame in drawn]
    assert touched == [False, True, True, True, True]
    assert changed(drawn[1])[1].max() <= 31 and changed(drawn[2])[1].max() == 110
    assert (drawn[2, 50, 60] != 128).any(), "where its middle has been"
    assert (drawn[3, -4] != 128).all() and (drawn[3, 5] == 128).all()


@pytest.mark.parametrize("shape", [(8, 8, 3), (2000, 30, 3)])
def test_odd_shapes_are_drawn_on_without_complaint(shape):
    picture = np.zeros(shape, np.uint8)
    drawn = draw_on_picture(picture, Marks(tracks={"a long name": (box(0, 0, 7, 7, "a long name"),)}))
    assert drawn.shape == shape and drawn.any()
