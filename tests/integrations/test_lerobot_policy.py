"""LeRobot the other way round: its own command finds our policy, and its numbers are ours."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embodiments
from cosmos_policy.errors import UsageError

pytest.importorskip("lerobot", reason="LeRobot is not installed (extra 'evaluation')")
try:
    importlib.metadata.distribution("lerobot_policy_cosmos3")
except importlib.metadata.PackageNotFoundError:
    pytest.skip("the plug-in is not installed (pip install ./integrations/lerobot)", allow_module_level=True)

import torch
from lerobot_policy_cosmos3.features import FeatureMap

HERE = Path(__file__).parent
VIEWS = {"third_person": "observation.images.image", "wrist": "observation.images.image2"}
DEADLINE_S = 240


@pytest.fixture(scope="module")
def policy(single_thread):
    """Made as LeRobot makes it: by its type."""
    from lerobot.policies.factory import get_policy_class, make_policy_config
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()
    config = make_policy_config(
        "cosmos3", checkpoint="tiny", embodiment="libero", views=VIEWS, gripper_mode="zero_one", device="cpu",
        chunk_size=8, execution_horizon=2, seed=5,
    )  # fmt: skip
    return get_policy_class("cosmos3")(config)


def batch(number, seed=0):
    generator = np.random.default_rng(seed)
    pictures = {
        feature: torch.from_numpy(generator.integers(0, 256, (number, 3, 64, 64)).astype(np.float32) / 255)
        for feature in VIEWS.values()
    }
    return {**pictures, "task": ["put the bowl on the plate"] * number}


def test_an_action_is_the_policys_for_these_pictures(policy):
    """Against the call itself: pictures to uint8, the task as instruction, the simulator's own gripper."""
    import cosmos_policy
    from cosmos_policy.types import Observation, PolicyRequest
    from embodiments.robots.libero import simulator_actions

    policy.reset()
    seen = batch(2)
    episode = policy._episodes
    actions = [policy.select_action(seen) for _ in range(2)]
    assert actions[0].shape == (2, 7) and actions[0].dtype == torch.float32
    robot = embodiments.get("libero")
    images = {
        view: np.rint(255 * seen[feature][1].numpy().transpose(1, 2, 0)).astype(np.uint8)
        for view, feature in VIEWS.items()
    }
    seed = int(np.random.SeedSequence([5, episode, 0, 1]).generate_state(1)[0])
    with cosmos_policy.load("tiny", device="cpu") as model:
        request = PolicyRequest(Observation(images, {}), "put the bowl on the plate", robot, seed=seed, chunk_size=8)
        expected = simulator_actions(dict(model.policy(request).commands), "zero_one")
    for row, action in enumerate(actions):
        np.testing.assert_allclose(action[1].numpy(), expected[row], atol=1e-4)


def test_a_chunk_is_asked_for_when_the_last_one_is_used_up(policy, monkeypatch):
    policy.reset()
    asked = []
    predict = policy.predict_action_chunk
    monkeypatch.setattr(policy, "predict_action_chunk", lambda seen: asked.append(1) or predict(seen))
    counts = []
    for _ in range(5):
        policy.select_action(batch(1))
        counts.append(len(asked))
    assert counts == [1, 1, 2, 2, 3]
    policy.reset()
    policy.select_action(batch(1))
    assert len(asked) == 4, "a new episode does not go on with an old chunk"


def test_features_of_a_robot_with_poses():
    """Columns of one state vector in, columns of one action vector out."""
    robot = embodiments.get("droid")
    told = {"end_effector_position": "action[0:3]", "end_effector_quaternion_xyzw": "action[3:7]"}
    features = FeatureMap(
        robot,
        {view: f"observation.images.{view}" for view in robot.views},
        {"cartesian_position": "observation.state[0:6]"},
        {**told, "gripper_position": "action[7]"},
        None,
    )
    state = torch.arange(14, dtype=torch.float64).reshape(2, 7)
    read = features.state({"observation.state": state}, 1)
    np.testing.assert_array_equal(read["cartesian_position"], np.arange(7, 13))
    commands = {
        "end_effector_position": np.full((4, 3), 1.0),
        "end_effector_quaternion_xyzw": np.full((4, 4), 2.0),
        "gripper_position": np.arange(4.0),
        "cartesian_position": np.zeros((4, 6)),
    }
    np.testing.assert_array_equal(features.vectors(commands)[3], [1, 1, 1, 2, 2, 2, 2, 3])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gripper_mode": None}, "is not assumed: give --policy.gripper_mode"),
        ({"views": {"top": "observation.image"}}, "names 'top', which is none of third_person, wrist"),
        ({"robot": "droid"}, "gripper_mode belongs to libero; droid has none"),
        ({"robot": "droid", "gripper_mode": None}, "--policy.actions must say where end_effector_position"),
        (
            {"robot": "pusht", "views": {"top_down": "observation.image"}, "gripper_mode": None},
            "must say where position",
        ),
    ],
)
def test_wrong_features_are_told(options, words):
    told = {"robot": "libero", "views": {}, "gripper_mode": "zero_one", **options}
    with pytest.raises(UsageError, match=words):
        FeatureMap(embodiments.get(told["robot"]), told["views"], {}, {}, told["gripper_mode"])


def test_pictures_that_are_not_there_are_told(policy):
    policy.reset()
    with pytest.raises(UsageError, match="'wrist' is read from 'observation"):
        policy.select_action({name: value for name, value in batch(1).items() if name != VIEWS["wrist"]})
    with pytest.raises(UsageError, match="says no task"):
        policy.select_action({**batch(1), "task": [""]})


def test_lerobots_own_command_evaluates_it(tmp_path):
    """``lerobot-eval --policy.type=cosmos3`` in a process of its own: found, asked, its actions carried out."""
    told = tmp_path / "actions.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(HERE), "FAKE_LIBERO_ACTIONS": str(told), "OMP_NUM_THREADS": "1"}
    command = [
        str(Path(sys.executable).parent / "lerobot-eval"),
        "--policy.type=cosmos3",
        "--policy.checkpoint=tiny",
        "--policy.embodiment=libero",
        "--policy.gripper_mode=zero_one",
        "--policy.chunk_size=8",
        f"--policy.views={json.dumps(VIEWS)}",
        "--policy.device=cpu",
        "--env.discover_packages_path=lerobot_fake_env",
        "--env.type=fake_libero",
        "--eval.n_episodes=2",
        "--eval.batch_size=2",
        "--eval.use_async_envs=false",
        f"--output_dir={tmp_path / 'out'}",
    ]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out" / "eval_info.json").read_text())
    assert found["overall"]["n_episodes"] == 2 and found["overall"]["pc_success"] == 50.0
    actions = np.array([json.loads(line) for line in told.read_text().splitlines()])
    assert actions.shape == (12, 7) and len(np.unique(actions.round(6), axis=0)) == 12
