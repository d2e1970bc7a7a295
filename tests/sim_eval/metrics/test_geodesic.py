import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sim_eval.metrics.rotations import geodesic_degrees

axes = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda axis: np.linalg.norm(axis) > 1e-2)
vectors = st.tuples(*[st.floats(-10, 10)] * 3)


@given(vectors, axes, st.floats(0, 180))
def test_angle_of_a_known_turn(start, axis, degrees):
    first = Rotation.from_rotvec(start)
    turn = Rotation.from_rotvec(np.array(axis) / np.linalg.norm(axis) * np.radians(degrees))
    measured = geodesic_degrees(first.as_matrix(), (first * turn).as_matrix())
    assert measured == pytest.approx(degrees, abs=1e-5)


@given(vectors, vectors, vectors)
def test_symmetric_and_the_same_from_every_frame(first, second, change):
    first, second, change = (Rotation.from_rotvec(vector).as_matrix() for vector in (first, second, change))
    angle = geodesic_degrees(first, second)
    assert geodesic_degrees(second, first) == pytest.approx(angle, abs=1e-5)
    assert geodesic_degrees(change @ first, change @ second) == pytest.approx(angle, abs=1e-5)


def test_small_angles_are_seen():
    tiny = Rotation.from_rotvec([0, 0, 1e-7]).as_matrix()
    assert geodesic_degrees(np.eye(3), tiny) == pytest.approx(np.degrees(1e-7), rel=1e-6)
