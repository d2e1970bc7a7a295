"""One control step at a time: the same worlds as chunk by chunk, looked at in between."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

import embodiments
from cosmos_policy.errors import UsageError
from embodiments import EmbodimentError
from sim_eval.world_model.one_action import OneActionAtATime


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


def test_a_closed_loop_is_played_in_imagination(make_world, tiny):
    """The loop that ``cosmos-policy rollout`` plays in physics: it needs no word changed for an imagined world."""
    from cosmos_policy.types import Sampling
    from sim_eval.rollout.episode import Task, play
    from sim_eval.rollout.execution import Timing

    goal = {"goal": {"gripper_position": [0.5]}, "tolerance": {"gripper_position": 100.0}}
    for rewards, success, steps in (([], False, 9), ([{"proprioceptive_goal": goal}], True, 1)):
        world = OneActionAtATime(make_world(chunk_size=8, time_limit_s=0.6, rewards=rewards))
        task = Task("lift the cube", 8, Sampling(), Timing(4), 3)
        episode = play(world, tiny, task, 0, film=True)
        assert (episode.record["success"], episode.record["steps"]) == (success, steps)
        assert episode.frames.shape == (steps + 1, 72, 64, 3) and world.time_limit_s == 0.6


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
