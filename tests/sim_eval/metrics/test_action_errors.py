import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import embodiments
from sim_eval.metrics.actions import action_errors, dimension_errors, display_unit, path_errors
from sim_eval.metrics.baselines import hold_still, repeat_last_action

DROID = embodiments.get("droid")


def named(errors):
    return {metric.name: values for metric, values in errors.items()}


@pytest.mark.parametrize("name", embodiments.names())
def test_nothing_is_wrong_with_the_recording_itself(name):
    robot = embodiments.get(name)
    trajectory = robot.example_trajectory(num_steps=8, seed=1)
    actions = robot.encode(trajectory)
    errors = action_errors(robot, actions, actions) | path_errors(robot, actions, actions, trajectory.state_at(0))
    assert errors
    for metric, values in errors.items():
        assert len(values) == (1 if metric.scope == "end" else 8)
        np.testing.assert_allclose(values, 0, atol=1e-5)
    assert (dimension_errors(robot, actions, actions) == 0).all()


@pytest.mark.parametrize("name", embodiments.names())
def test_every_column_is_measured_by_some_metric(name):
    robot = embodiments.get(name)
    actions = robot.encode(robot.example_trajectory(num_steps=4, seed=1))
    for column, facts in enumerate(robot.columns):
        if facts.kind == "rotation" and actions[:, column].min() > 0.5:
            continue  # stretching an axis along itself turns nothing, and the projection takes it out
        changed = actions.copy()
        changed[:, column] += 0.05
        assert any(values.max() > 1e-4 for values in action_errors(robot, changed, actions).values()), column


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-0.05, 0.05)] * 3), st.floats(0, 60), st.floats(-0.5, 0.5))
def test_droid_in_its_units(shift_m, degrees, gripper):
    actions = DROID.encode(DROID.example_trajectory(num_steps=5, seed=2))
    changed = actions.copy()
    changed[:, :3] += shift_m
    turns = Rotation.from_matrix(embodiments.rotations.to_matrix(actions[:, 3:9], "rot6d"))
    turned = turns * Rotation.from_euler("x", degrees, degrees=True)
    changed[:, 3:9] = embodiments.rotations.from_matrix(turned.as_matrix(), "rot6d")
    changed[:, 9] += gripper
    errors = named(action_errors(DROID, changed, actions))
    np.testing.assert_allclose(errors["end_effector_position_mm"], 1000 * np.linalg.norm(shift_m), atol=1e-6)
    np.testing.assert_allclose(errors["end_effector_rotation_deg"], degrees, atol=1e-5)
    np.testing.assert_allclose(errors["gripper_error"], abs(gripper), atol=1e-9)
    signed = dimension_errors(DROID, changed, actions)
    np.testing.assert_allclose(signed[:, :3], np.tile(1000 * np.array(shift_m), (5, 1)), atol=1e-6)


def test_a_network_that_is_not_orthonormal_is_measured_by_its_projection():
    actions = DROID.encode(DROID.example_trajectory(num_steps=3, seed=3))
    scaled = actions.copy()
    scaled[:, 3:9] *= 1.7
    assert named(action_errors(DROID, scaled, actions))["end_effector_rotation_deg"].max() < 1e-5


def test_drift_is_the_distance_of_the_integrated_poses():
    trajectory = DROID.example_trajectory(num_steps=6, seed=4)
    actions, state = DROID.encode(trajectory), trajectory.state_at(0)
    changed = actions.copy()
    changed[0, 0] += 0.01  # one step of 10 mm too far: every later pose is 10 mm off, none is turned
    errors = named(path_errors(DROID, changed, actions, state))
    np.testing.assert_allclose(errors["end_effector_path_position_mm"], 10, atol=1e-6)
    np.testing.assert_allclose(errors["end_effector_path_rotation_deg"], 0, atol=1e-5)
    assert errors["end_effector_end_position_mm"] == pytest.approx(10)
    # The recorded side is the recording: its poses are the robot's own states.
    recorded = DROID.integrate(actions, state)["end_effector"][:, :3, 3]
    np.testing.assert_allclose(recorded, trajectory.states["cartesian_position"][:, :3], atol=1e-9)


def test_joints_are_reported_in_degrees_and_have_no_path():
    robot = embodiments.get("droid_joint")
    trajectory = robot.example_trajectory(num_steps=4, seed=1)
    actions = robot.encode(trajectory)
    changed = actions.copy()
    changed[:, :7] += np.radians(3)
    errors = named(action_errors(robot, changed, actions))
    np.testing.assert_allclose(errors["arm_deg"], 3, atol=1e-9)
    assert path_errors(robot, changed, actions, trajectory.state_at(0)) == {}


def test_a_gripper_keeps_its_own_unit():
    assert display_unit("gripper", "m") == (1.0, "m")
    assert display_unit("position", "m") == (1000.0, "mm")


def test_chunks_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match=r"\[4, 10\].*\[5, 10\]"):
        action_errors(DROID, np.zeros((4, 10)), np.zeros((5, 10)))


@pytest.mark.parametrize("start", [0, 3])
def test_hold_still_does_not_move(start):
    example = DROID.example_trajectory(num_steps=8, seed=5)
    trajectory = embodiments.Trajectory({**example.states, "gripper_position": np.full(9, 0.3)}, example.commands)
    actions = DROID.encode(trajectory)
    still = hold_still(DROID, trajectory, actions, start, 4)
    path = DROID.integrate(still, trajectory.state_at(start))["end_effector"]
    np.testing.assert_allclose(path, np.tile(path[0], (5, 1, 1)), atol=1e-12)
    last_command_or_state = actions[start - 1, 9] if start else 1 - 0.3
    np.testing.assert_allclose(still[:, 9], last_command_or_state)


def test_joints_hold_where_they_are_and_not_where_they_were_told():
    robot = embodiments.get("droid_joint")
    trajectory = robot.example_trajectory(num_steps=8, seed=5)
    still = hold_still(robot, trajectory, robot.encode(trajectory), 3, 4)
    np.testing.assert_allclose(still[:, :7], np.tile(trajectory.states["joint_position"][3], (4, 1)))


def test_repeat_last_action_needs_a_last_action():
    trajectory = DROID.example_trajectory(num_steps=8, seed=5)
    actions = DROID.encode(trajectory)
    assert repeat_last_action(DROID, trajectory, actions, 0, 4) is None
    np.testing.assert_array_equal(repeat_last_action(DROID, trajectory, actions, 3, 4), np.tile(actions[2], (4, 1)))


@pytest.mark.parametrize("name", embodiments.names())
def test_hold_still_for_every_robot_leaves_its_poses_where_they_are(name):
    robot = embodiments.get(name)
    trajectory = robot.example_trajectory(num_steps=8, seed=6)
    still = hold_still(robot, trajectory, robot.encode(trajectory), 2, 3)
    for path in robot.integrate(still, trajectory.state_at(2)).values():
        np.testing.assert_allclose(path, np.tile(path[0], (4, 1, 1)), atol=1e-9)
