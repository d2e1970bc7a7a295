"""A camera's axes: right-handed, looking at its target, upright; and MuJoCo's element says the same."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sim_eval.physics.cameras import Camera

points = st.tuples(*[st.floats(-2, 2)] * 3)


@given(position=points, target=points)
def test_axes_are_a_rotation_that_looks_at_the_target(position, target):
    sight = np.subtract(target, position)
    assume(np.linalg.norm(np.cross(sight, [0, 0, 1])) > 1e-3)
    camera = Camera("view", "base", position, target, (0.0, 0.0, 1.0), 60.0)
    right, down, forward = camera.rotation().T
    np.testing.assert_allclose(np.cross(right, down), forward, atol=1e-9)
    np.testing.assert_allclose(forward, sight / np.linalg.norm(sight), atol=1e-9)
    assert abs(right[2]) < 1e-9 and down[2] < 0, "upright: the picture's right is level, its down points down"


@given(position=points, target=points)
def test_the_element_holds_the_same_axes(position, target):
    assume(np.linalg.norm(np.cross(np.subtract(target, position), [0, 0, 1])) > 1e-3)
    camera = Camera("view", "base", position, target, (0.0, 0.0, 1.0), 60.0)
    element = camera.to_xml((640, 360))
    w, x, y, z = map(float, element.get("quat").split())
    axes = Rotation.from_quat([x, y, z, w]).as_matrix()  # MuJoCo: x right, y up, z backward
    np.testing.assert_allclose(axes @ np.diag([1, -1, -1]), camera.rotation(), atol=1e-6)
    assert (element.get("name"), element.get("fovy"), element.get("resolution")) == ("view", "60", "640 360")
