"""What chance changes, that it changes nothing else, and that it follows from the seed."""

import dataclasses

import numpy as np
import pytest

from cosmos_policy.errors import UsageError
from sim_eval.physics.randomization import PLAIN, Randomization


def seen(physics, randomization, seed=4):
    environment = physics.open_environment(
        "lift", seed=seed, image_size=(64, 64), supersampling=1, randomization=randomization
    )
    try:
        return environment.images()["exterior_1"].astype(int), environment.object_pose("cube"), environment.state()
    finally:
        environment.close()


def test_looks_change_the_picture_and_nothing_that_moves(physics):
    looks = dataclasses.replace(Randomization(), start_joints_rad=PLAIN.start_joints_rad)
    plain, varied, again = seen(physics, PLAIN), seen(physics, looks), seen(physics, looks)
    assert np.abs(plain[0] - varied[0]).mean() > 5
    np.testing.assert_array_equal(varied[0], again[0])
    np.testing.assert_array_equal(plain[1], varied[1])
    np.testing.assert_array_equal(plain[2].joint_positions, varied[2].joint_positions)


def test_a_red_cube_stays_red(physics):
    picture, *_ = seen(physics, dataclasses.replace(Randomization(), object_colour=0.25))
    red, green, blue = picture.transpose(2, 0, 1)
    assert ((red > 2 * green) & (red > 2 * blue) & (red > 50)).sum() >= 4, "pixels of the cube"


def test_the_start_scatters_as_asked(physics):
    home = np.array(seen(physics, dataclasses.replace(PLAIN, start_joints_rad=0.0))[2].joint_positions)
    moved = np.array(seen(physics, dataclasses.replace(PLAIN, start_joints_rad=0.1))[2].joint_positions)
    np.testing.assert_allclose(home, [0, -np.pi / 5, 0, -4 * np.pi / 5, 0, 3 * np.pi / 5, 0], atol=1e-3)
    assert 0.03 < np.std(moved - home) < 0.3


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("light_position_m", -1.0, "finite number of at least 0"),
        ("camera_rotation_deg", float("nan"), "finite number"),
        ("object_colour", 1.5, "at most 1"),
        ("placement", 2.0, "at most 1"),
    ],
)
def test_impossible_ranges_are_told(field, value, words):
    with pytest.raises(UsageError, match=f"{field} .*{words}"):
        Randomization(**{field: value})
