"""Rewards and ends: each by itself, and as the environments use them."""

import numpy as np
import pytest

import embodiments
from cosmos_policy.errors import UsageError
from embodiments.commands import present
from sim_eval.rewards import Reward, Setting, Transition, Verdict, combine, make_reward, make_rewards, names

ROBOT = embodiments.get("droid")


def transition(seed=0, steps=4, last=None, **after):
    state = present(ROBOT, ROBOT.example_observation(seed)["state"])
    frames = np.random.default_rng(seed).integers(0, 256, (5, 72, 64, 3), dtype=np.uint8)
    if last is not None:
        frames[-1] = last
    return Transition(ROBOT, "lift", frames, state, state | after, {}, np.zeros((4, 10)), steps / 15, steps)


def setting():
    return Setting(ROBOT, lambda frame: frame, None)


def judged(reward, transitions, options=None):
    goal = reward.prepare(options or {}, setting())
    return reward.judge(transitions, [goal] * len(transitions), None)


def test_names_are_found_by_entry_points():
    assert set(names()) >= {"goal_image", "judge", "proprioceptive_goal", "time_limit"}
    assert make_reward({"time_limit": {"limit_s": 2}}).limit_s == 2.0


def test_the_goal_image_by_pixels():
    reward = make_reward({"goal_image": {"threshold": 1.0}})
    goal = np.full((72, 64, 3), 100, np.uint8)
    there, off_by_three, far = judged(
        reward, [transition(last=goal), transition(last=goal + 3), transition()], {"goal_image": goal}
    )
    assert (there.reward, there.terminated, there.success, there.info) == (0.0, True, True, {"distance": 0.0})
    assert off_by_three.reward == pytest.approx(-3.0) and not off_by_three.terminated
    assert far.reward < -50 and not far.terminated


@pytest.fixture(scope="module")
def vision_folder(tmp_path_factory, single_thread):
    """A small vision transformer of transformers' own, with random weights, saved as people save theirs."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra 'model')")
    folder = tmp_path_factory.mktemp("vision")
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=64, patch_size=16
    )
    transformers.ViTModel(config).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def test_the_goal_image_by_an_embedding(vision_folder):
    reward = make_reward(
        {"goal_image": {"distance": "embedding", "embedding_model": str(vision_folder), "threshold": 1e-3}}
    )
    goal = np.full((72, 64, 3), 100, np.uint8)
    there, far = judged(reward, [transition(last=goal), transition()], {"goal_image": goal})
    assert there.reward == pytest.approx(0.0, abs=1e-6) and there.terminated
    assert far.reward < -1e-3 and not far.terminated


def test_the_goal_of_the_robots_own_state():
    reward = make_reward(
        {
            "proprioceptive_goal": {
                "goal": {"end_effector_position": [0.5, 0.0, 0.3], "end_effector_quaternion_xyzw": [0, 0, 0, 1]},
                "tolerance": {
                    "end_effector_position": 0.0101,
                    "end_effector_quaternion_xyzw": 5.0,
                    "gripper_position": 0.1,
                },
            }
        }
    )
    turned = np.array([0, 0, np.sin(np.radians(2)), np.cos(np.radians(2))])
    near = transition(end_effector_position=np.array([0.5, 0.006, 0.308]), end_effector_quaternion_xyzw=turned)
    far = transition(end_effector_position=np.array([0.5, 0.006, 0.312]), end_effector_quaternion_xyzw=-turned)
    (reached, missed) = judged(reward, [near, far])
    assert (reached.reward, reached.terminated) == (1.0, True)
    assert reached.info["end_effector_position_distance"] == pytest.approx(0.01)
    assert reached.info["end_effector_quaternion_xyzw_distance"] == pytest.approx(4.0)
    assert (missed.reward, missed.terminated) == (0.0, False)
    (closed,) = judged(reward, [near], {"goal_state": {"gripper_position": [2.0]}})
    assert not closed.terminated, "the reset's goal takes the place of the reward's own"


def test_time_ends_by_whole_steps():
    reward = make_reward({"time_limit": {"limit_s": 9 / 15}})
    assert [one.truncated for one in judged(reward, [transition(steps=8), transition(steps=9)])] == [False, True]


def test_functions_are_rewards():
    def height(one):
        return one.after["end_effector_position"][2]

    verdict = judged(make_reward(height), [transition(end_effector_position=np.array([0, 0, 0.25]))])[0]
    assert verdict == Verdict(0.25) and make_reward(height).name == "height"
    with pytest.raises(UsageError, match="gave a str; expected a number or a Verdict"):
        judged(make_reward(lambda one: "good"), [transition()])


def test_rewards_add_up_and_any_end_ends():
    both = combine({"a": Verdict(1.0, info={"far": 2}), "b": Verdict(-0.5, truncated=True)})
    assert (both.reward, both.terminated, both.truncated) == (0.5, False, True)
    assert both.info == {"a": {"reward": 1.0, "far": 2}, "b": {"reward": -0.5}}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("fame", "There is no reward 'fame'"),
        ({"time_limit": {"hours": 3}}, "The reward 'time_limit' cannot be made"),
        ({"time_limit": {"limit_s": -1}}, "limit_s is -1"),
        ({"goal_image": {"distance": "taste"}}, "choose pixel or embedding"),
        ({"goal_image": {"distance": "embedding"}}, "name a vision model"),
        ({"goal_image": {"distance": "embedding", "embedding_model": "/nowhere"}}, "cannot be loaded"),
        ({"proprioceptive_goal": {"tolerance": {"x": 0}}}, "expected a number above 0"),
        ({"judge": {"judge": "/nowhere.npz"}}, "There is no judge /nowhere.npz"),
        ({"judge": {"threshold": 2}}, "probability between 0 and 1"),
        ({"judge": {"question": "{robot}?"}}, "fills in {instruction} alone, not robot"),
        (3, "3 is no reward"),
    ],
)
def test_wrong_rewards_are_told(wanted, words):
    with pytest.raises(UsageError, match=words):
        make_reward(wanted)


def test_goals_that_nobody_gave_are_told():
    with pytest.raises(UsageError, match="goal_image has no goal"):
        judged(make_reward("goal_image"), [transition()])
    with pytest.raises(UsageError, match="proprioceptive_goal has no goal"):
        judged(make_reward("proprioceptive_goal"), [transition()])
    with pytest.raises(UsageError, match="no tolerance for 'gripper_position'"):
        judged(make_reward({"proprioceptive_goal": {"goal": {"gripper_position": [1]}}}), [transition()])
    with pytest.raises(UsageError, match="fits nothing of this robot, which has end_effector_position \\[3\\]"):
        judged(make_reward({"proprioceptive_goal": {"goal": {"wing": [1]}, "tolerance": {"wing": 1}}}), [transition()])
    with pytest.raises(UsageError, match="Two rewards are called 'goal_image'"):
        make_rewards(["goal_image", "goal_image"])


def test_another_packages_reward_is_one_class():
    class Stillness(Reward):
        name = "stillness"

        def judge(self, transitions, goals, model):
            return [Verdict(float((one.frames[0] == one.frames[-1]).mean())) for one in transitions]

    one = transition()
    still = transition(last=one.frames[0])
    assert judged(make_reward(Stillness()), [still])[0].reward == 1.0
