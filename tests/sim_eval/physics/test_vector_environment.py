"""``gymnasium.make_vec("CosmosPolicy/Robosuite-v0")``: N processes are N single environments, ends included."""

import os
import signal

import numpy as np
import pytest

from cosmos_policy.errors import Failure, UsageError

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")

NAME = "CosmosPolicy/Robosuite-v0"
OPTIONS = {"task": "lift", "embodiment": "ur", "image_size": (32, 32), "time_limit_s": 0.3}
STEPS_TO_THE_END = 3


def make_vector(mode: str, number: int = 2):
    import sim_eval  # noqa: F401 (registers it)

    return gymnasium.make_vec(NAME, num_envs=number, autoreset_mode=mode, **OPTIONS)


@pytest.fixture(scope="module")
def next_step(physics):
    environment = make_vector("NextStep")
    yield environment
    environment.close()


def moves(environment, step: int) -> dict[str, np.ndarray]:
    """The same small motion for whoever asks, of as many scenes as the action space has."""
    actions = environment.action_space.sample()
    position = np.array([-0.42 + 0.01 * step, 0.02, 0.38])
    values = {
        "end_effector_position": position,
        "end_effector_quaternion_xyzw": np.array([0.0, 1.0, 0.0, 0.0]),
        "gripper_position": np.array([0.5]),
    }
    return {name: np.broadcast_to(values[name], actions[name].shape).copy() for name in actions}


def assert_seen_equal(batch, index, single):
    for part in ("images", "state"):
        for name, value in single[part].items():
            np.testing.assert_array_equal(batch[part][name][index], value)


def test_scenes_are_the_single_ones_through_an_end_and_the_reset_after_it(next_step):
    singles = [gymnasium.make(NAME, **OPTIONS).unwrapped for _ in range(2)]
    seen, infos = next_step.reset(seed=5)
    assert infos["seed"].tolist() == [5, 6]
    for index, single in enumerate(singles):
        assert_seen_equal(seen, index, single.reset(seed=5 + index)[0])
    for step in range(STEPS_TO_THE_END):
        seen, _, terminated, truncated, infos = next_step.step(moves(next_step, step))
        for index, single in enumerate(singles):
            alone = single.step(moves(single, step))
            assert_seen_equal(seen, index, alone[0])
            assert (terminated[index], truncated[index]) == alone[2:4]
    assert truncated.all() and not terminated.any(), "the ending step shows what was last seen"
    seen, rewards, _, truncated, infos = next_step.step(moves(next_step, 0))
    assert not truncated.any() and not rewards.any() and (infos["time_s"] == 0).all()
    for index, single in enumerate(singles):
        again, info = single.reset()
        assert infos["seed"][index] == info["seed"]
        assert_seen_equal(seen, index, again)
        single.close()


def test_the_same_seeds_give_the_same_pictures_again(next_step):
    first, _ = next_step.reset(seed=[11, 3])
    again, _ = next_step.reset(seed=[11, 3])
    np.testing.assert_array_equal(first["images"]["top"], again["images"]["top"])
    assert np.abs(first["images"]["top"][0].astype(int) - first["images"]["top"][1]).max() > 20, "two scenes"


def test_what_it_declares(next_step):
    assert next_step.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.NEXT_STEP
    assert next_step.num_envs == 2 and next_step.metadata["render_fps"] == 10
    assert next_step.action_space["end_effector_position"].shape == (2, 3)
    assert next_step.observation_space.contains(next_step.reset(seed=0)[0])


def test_wrong_use_is_told_and_harms_nothing(next_step):
    next_step.reset(seed=0)
    good = moves(next_step, 0)
    for actions, words in (
        ({**good, "gripper_position": np.zeros((2, 2))}, r"must have shape \[2, 1\]"),
        ({**good, "end_effector_position": np.full((2, 3), np.nan)}, "finite numbers of shape"),
        ({"gripper_position": np.zeros((2, 1))}, "the actions lack 'end_effector_position'"),
    ):
        with pytest.raises(UsageError, match=words):
            next_step.step(actions)
    for wrong, words in (
        ({"seed": -1}, "a negative one"),
        ({"seed": [1]}, "1 seeds for 2 worlds"),
        ({"options": {"start": 1}}, "no options but reset_mask"),
        ({"options": {"reset_mask": np.zeros(2, dtype=bool)}}, "at least one True"),
    ):
        with pytest.raises(UsageError, match=words):
            next_step.reset(**wrong)
    assert next_step.step(good)[4]["time_s"].tolist() == [0.1, 0.1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_envs": 0}, "num_envs is 0"),
        ({"num_envs": 2, "autoreset_mode": "Sometimes"}, "autoreset_mode 'Sometimes' does not exist"),
        ({"num_envs": 2, "task": "juggle"}, "no task is called 'juggle'"),
    ],
)
def test_wrong_settings_are_told_before_any_process_starts(physics, options, words):
    import sim_eval  # noqa: F401 (registers it)

    with pytest.raises(UsageError, match=words):
        gymnasium.make_vec(NAME, **{**OPTIONS, **options})


def test_same_step_hands_over_what_it_ended_with(physics):
    environment, single = make_vector("SameStep", 1), gymnasium.make(NAME, **OPTIONS).unwrapped
    environment.reset(seed=8)
    single.reset(seed=8)
    for step in range(STEPS_TO_THE_END):
        seen, _, _, truncated, infos = environment.step(moves(environment, step))
        last = single.step(moves(single, step))
    assert truncated.all() and infos["time_s"][0] == 0.0
    assert infos["final_info"]["time_s"][0] == pytest.approx(0.3)
    for part in ("images", "state"):
        for name, value in last[0][part].items():
            np.testing.assert_array_equal(infos["final_obs"][0][part][name], value)
    assert_seen_equal(seen, 0, single.reset()[0])
    single.close()
    environment.close()


def test_disabled_resets_what_is_asked_and_a_dead_process_is_told(physics):
    environment = make_vector("Disabled")
    environment.reset(seed=1)
    for step in range(STEPS_TO_THE_END - 1):
        environment.step(moves(environment, step))
    _, infos = environment.reset(seed=[40, 41], options={"reset_mask": np.array([True, False])})
    assert infos["seed"][0] == 40 and not infos["_seed"][1]
    _, _, _, truncated, infos = environment.step(moves(environment, 2))
    assert truncated.tolist() == [False, True] and infos["time_s"].round(1).tolist() == [0.1, 0.3]
    with pytest.raises(UsageError, match="the scenes 1 have ended"):
        environment.step(moves(environment, 0))
    environment.reset(seed=2, options={"reset_mask": np.array([False, True])})
    os.kill(environment.processes[0].pid, signal.SIGKILL)
    with pytest.raises(Failure, match="a process with a scene in it died"):
        environment.step(moves(environment, 0))
    assert environment.closed and not any(process.is_alive() for process in environment.processes)
