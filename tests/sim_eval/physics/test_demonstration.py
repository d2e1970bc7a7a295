"""The expert does its task from many seeds, the same way each time, and its recorded commands do it again."""

import dataclasses

import numpy as np
import pytest

from cosmos_policy.errors import Failure


def play(environment) -> np.ndarray:
    """The expert's commands ``[steps, 8]``, played without pictures."""
    from sim_eval.physics.expert import ScriptedExpert

    expert, commands = ScriptedExpert(environment), []
    while expert.phase is not None:
        command = expert.act()
        environment.step(command)
        commands.append([*command.joint_positions, command.gripper_position])
    return np.array(commands)


def play_until(environment, phase: str) -> list:
    """The expert's commands up to the beginning of a phase."""
    from sim_eval.physics.expert import ScriptedExpert

    expert, commands = ScriptedExpert(environment), []
    while expert.phase.name != phase:
        commands.append(expert.act())
        environment.step(commands[-1])
    return commands


def open_lift(physics, seed):
    return physics.open_environment("lift", seed=seed, image_size=(32, 32), supersampling=1)


@pytest.mark.parametrize("seed", [1, 2, 17, 404])
def test_expert_lifts_the_cube(physics, seed):
    environment = open_lift(physics, seed)
    before = environment.object_pose("cube")[2, 3]
    commands = play(environment)
    assert environment.succeeded()
    assert environment.object_pose("cube")[2, 3] - before == pytest.approx(0.22, abs=0.015)
    assert 70 < len(commands) < 120


def test_an_approach_may_begin_beside_the_cube_and_ends_on_it(physics):
    """Where the way down begins differs by what chance may miss it by; what comes of it does not."""
    begun = {}
    for approach_m in (0.0, 0.04):
        environment = physics.open_environment(
            "lift", seed=3, image_size=(32, 32), randomization=dataclasses.replace(physics.PLAIN, approach_m=approach_m)
        )
        cube = environment.object_pose("cube")[:2, 3]
        commands = play_until(environment, "descend")
        begun[approach_m] = np.linalg.norm(environment.grip_point()[:2] - cube)
        assert len(commands) > 10
        play(environment)
        assert environment.succeeded()
    assert begun[0.0] < 0.031 and 0.005 < abs(begun[0.04] - begun[0.0]) < 0.08


@pytest.mark.parametrize("name", ["hover", "lift_green", "stack_green", "lift_can"])
def test_tasks_with_criteria_of_ours(physics, name):
    environment = physics.open_environment(name, seed=1, image_size=(32, 32))
    assert not environment.succeeded()
    play(environment)
    assert environment.succeeded()


def test_seeds_place_the_cube_well_apart(physics):
    places = np.array([open_lift(physics, seed).object_pose("cube")[:2, 3] for seed in range(8)])
    assert np.ptp(places, axis=0).max() > 0.12, "robosuite's own 6 cm would teach one spot"
    assert len(np.unique(places.round(6), axis=0)) == 8


def test_the_shipped_episode_comes_from_seed_0(physics, episodes):
    commands = play(open_lift(physics, 0))
    recorded = np.hstack([episodes[0]["action.joint_position"], episodes[0]["action.gripper_position"]])
    assert commands.shape == recorded.shape
    np.testing.assert_allclose(commands, recorded, atol=1e-4)


def test_recorded_commands_lift_the_cube_without_the_expert(physics, episodes):
    from sim_eval.physics.environment import RobotCommand

    environment = open_lift(physics, 0)
    episode = episodes[0]
    for joints, gripper in zip(episode["action.joint_position"], episode["action.gripper_position"][:, 0], strict=True):
        environment.step(RobotCommand(joints, gripper))
    assert environment.succeeded()


def test_doing_nothing_does_not_lift_it(physics):
    from sim_eval.physics.environment import RobotCommand

    environment = open_lift(physics, 0)
    joints = environment.state().joint_positions
    for _ in range(90):
        environment.step(RobotCommand(joints, 1.0))
    assert not environment.succeeded()


def test_a_phase_that_does_not_end_is_named(physics):
    environment = open_lift(physics, 0)
    hasty = dataclasses.replace(environment.task.phases[0], time_limit_s=0.2)
    environment.task = dataclasses.replace(environment.task, phases=(hasty,))
    with pytest.raises(Failure, match=r"did not end its phase 'reach' in 0\.2 s"):
        play(environment)


def test_phases_that_leave_the_task_undone_are_no_demonstration(physics):
    from sim_eval.physics.demonstration import demonstrate

    environment = open_lift(physics, 0)
    first = dataclasses.replace(environment.task.phases[0], position_tolerance_m=0.5, time_limit_s=1.0)
    environment.task = dataclasses.replace(environment.task, phases=(first,))
    with pytest.raises(Failure, match="the task is not done"):
        list(demonstrate(environment))
