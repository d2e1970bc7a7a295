"""One control step at a time: the same worlds as chunk by chunk, looked at in between."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

import embodiments
from cosmos_policy.errors import UsageError
from embodiments import EmbodimentError
from sim_eval.world_model.one_action import OneActionAtATime
from sim_eval.world_model.stops import within_stops


@pytest.fixture(scope="module")
def stepwise(make_world):
    environment = OneActionAtATime(make_world(chunk_size=4, render_mode="rgb_array"))
    yield environment
    environment.close()


def chunk(environment, rows=4, seed=1):
    robot = embodiments.get("droid")
    trajectory = robot.example_trajectory(rows, seed)
    state = environment.observe()["state"]
    return robot.decode(robot.encode(trajectory), state)


def test_whole_chunks_lead_where_chunks_lead(stepwise, make_world):
    by_chunk = make_world(chunk_size=4)
    stepwise.reset(seed=6)
    by_chunk.reset(seed=6)
    for seed in (1, 2):
        commands = chunk(stepwise, seed=seed)
        expected, *_, facts = by_chunk.step(commands)
        for row in range(4):
            seen, *_, info = stepwise.step(stepwise.commands.pick(commands, row))
        assert data_equivalence(seen, expected, exact=True)
        assert info["time_s"] == facts["time_s"] and info["drift"] == facts["drift"]


def test_what_is_seen_is_the_frame_after_the_action(stepwise, tiny):
    stepwise.reset(seed=6)
    world = stepwise.unwrapped.world
    commands = chunk(stepwise)
    first = stepwise.commands.pick(commands, 0)
    seen, *_, info = stepwise.step(first)
    alone = world.plan({name: value[None] for name, value in first.items()})
    still = np.tile([0, 0, 0, 1, 0, 0, 0, 1, 0, alone.unified[0, -1]], (3, 1))
    np.testing.assert_allclose(alone.unified[1:], still, atol=1e-12)
    rollout = tiny.forward_dynamics(world.request(alone))
    np.testing.assert_array_equal(seen["composed"][:64, :64], rollout.frames[1])
    assert info["time_s"] == pytest.approx(1 / 15) and info["chunks"] == 0
    np.testing.assert_array_equal(stepwise.render(), seen["composed"])


def test_going_blind_asks_for_nothing_until_the_chunk_is_full(make_world, tiny, monkeypatch):
    from sim_eval.world_model import one_action

    asked = []
    imagine = one_action.imagine
    monkeypatch.setattr(one_action, "imagine", lambda *rest: asked.append(len(rest[2])) or imagine(*rest))
    environment = OneActionAtATime(make_world(chunk_size=8, time_limit_s=0.6))
    environment.reset(seed=0)
    ends = [environment.step_blind(environment.hold())[2] for _ in range(7)]
    assert asked == [] and not any(ends)
    environment.observe()
    environment.observe()
    assert asked == [1], "two looks at the same moment are one question"
    assert environment.step_blind(environment.hold())[2] is False and asked == [1, 1]
    assert environment.step_blind(environment.hold())[2] is True, "0.6 s are nine steps of 1/15 s"
    assert environment.unwrapped.world.chunks == 1


def test_rewards_that_look_are_asked_when_they_are_due(make_world):
    from sim_eval.rewards import Verdict

    seen = []

    def look(transition):
        seen.append((transition.steps, len(transition.frames), transition.first is not None))
        return Verdict()

    environment = OneActionAtATime(make_world(chunk_size=8, rewards=[look]), judged_every=3)
    environment.reset(seed=0)
    for _ in range(13):
        environment.step_blind(environment.hold())
    assert seen == [(3, 4, True), (6, 7, True), (9, 2, True), (12, 5, True)], "frames since the chunk began"
    with pytest.raises(UsageError, match="judged_every is 0"):
        OneActionAtATime(environment.env, judged_every=0)


def test_footage_is_every_frame_once_and_costs_no_look_of_its_own(make_world, tiny, monkeypatch):
    from sim_eval.world_model import one_action

    asked = []
    imagine = one_action.imagine
    monkeypatch.setattr(one_action, "imagine", lambda *rest: asked.append(len(rest[2])) or imagine(*rest))
    environment = OneActionAtATime(make_world(chunk_size=4), keeps_footage=True)
    by_chunk = make_world(chunk_size=4)
    environment.reset(seed=6)
    by_chunk.reset(seed=6)
    expected = [by_chunk.unwrapped.clip]
    for seed in (1, 2):
        commands = chunk(environment, seed=seed)
        by_chunk.step(commands)
        expected.append(by_chunk.unwrapped.clip[1:])
        for row in range(4):
            environment.step_blind(environment.commands.pick(commands, row))
    assert len(asked) == 2
    np.testing.assert_array_equal(environment.footage(), np.concatenate(expected))
    environment.step_blind(environment.hold())
    assert len(environment.footage()) == 10 and len(asked) == 3
    np.testing.assert_array_equal(environment.footage()[-1], environment.observe()["composed"])
    environment.keeps_footage = False
    with pytest.raises(UsageError, match="keeps no footage"):
        environment.footage()


def test_a_robot_stops_at_its_stops():
    robot = embodiments.get("agibot")
    command = {
        field.name: np.zeros(field.shape) + 0.5 * (field.name.endswith("xyzw"))
        for field in embodiments.commands.command_fields(robot)
    }
    kept, stopped = within_stops(robot, command)
    assert not stopped and data_equivalence(kept, command)
    kept, stopped = within_stops(robot, {**command, "left_gripper_position": np.array([130.0])})
    assert stopped and kept["left_gripper_position"] < 126 and data_equivalence({**kept, **command}, command)
    kept, stopped = within_stops(robot, {**command, "left_gripper_position": np.array([-0.3])})
    assert not stopped and kept["left_gripper_position"] == 0


@pytest.mark.parametrize("name", ["ur", "agibot", "egocentric", "umi", "libero", "dual_franka"])
def test_a_policy_acts_where_its_commands_have_put_the_robot(name, make_world, tiny):
    """Robots whose poses follow from joints or hands: an imagined one has no joints, only the poses it was told."""
    from cosmos_policy.types import Observation

    robot = embodiments.get(name)
    example = robot.example_observation()
    images = {view: np.ascontiguousarray(image[::8, ::8]) for view, image in example["images"].items()}
    environment = make_world(embodiment=name, dataset=None, start={"images": images, "state": example["state"]})
    environment = OneActionAtATime(environment)
    observation, _ = environment.reset(seed=0)
    for _ in range(2):
        seen = Observation(observation["images"], observation["state"])
        commands = tiny.policy(seen, "wave", embodiment=robot, chunk_size=4).commands
        told, _ = within_stops(robot, environment.commands.pick(commands, 0))
        observation, *_ = environment.step(told)
    for block in robot.pose_blocks:
        np.testing.assert_allclose(
            observation["state"][f"{block.name}_position"], commands[f"{block.name}_position"][0], atol=1e-9
        )


def test_holding_moves_nothing(stepwise):
    stepwise.reset(seed=1)
    before = stepwise.observe()["state"]
    for _ in range(5):
        stepwise.step_blind(stepwise.hold())
    for name, value in stepwise.observe()["state"].items():
        np.testing.assert_allclose(value, before[name], atol=1e-12)


def test_wrong_use_is_told_and_changes_nothing(stepwise):
    import gymnasium

    stepwise.reset(seed=1)
    good = stepwise.hold()
    with pytest.raises(EmbodimentError, match="NaN or infinite"):
        stepwise.step({**good, "gripper_position": np.array([np.nan])})
    assert stepwise.step(good)[-1]["time_s"] == pytest.approx(1 / 15)
    with pytest.raises(UsageError, match="wraps CosmosPolicy/WorldModel-v0"):
        OneActionAtATime(gymnasium.make("CartPole-v1"))
