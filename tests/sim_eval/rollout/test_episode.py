"""The closed loop lifts the cube, in every embodiment's own terms, when the policy knows how.

The policy here answers with what the expert did in the same scene, encoded and decoded by the embodiment: so the whole
way from a recording over unified actions, absolute commands and inverse kinematics to the simulated arm is walked.
"""

import gymnasium
import numpy as np
import pytest

from cosmos_policy.types import ActionChunk, Sampling
from cosmos_policy.world_action_model import ModelInfo, WorldActionModel
from embodiments.trajectory import Trajectory
from sim_eval.rollout.episode import Task, chunk_seed, play
from sim_eval.rollout.execution import Timing

SEED = 11


class Replayed(WorldActionModel):
    """Answers with the rows of known actions that are due at the observation's stamp."""

    def __init__(self, unified: np.ndarray) -> None:
        self.info = ModelInfo("replayed", "0", "none", "cpu", "float64", Sampling())
        self.unified, self.requests = unified, []

    def sampling_for(self, embodiment, sampling=None):
        return Sampling()

    def _run_policy(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        self.requests.append(request)
        embodiment = request.embodiment
        start = round(request.observation.stamp * embodiment.fps)
        rows = np.clip(np.arange(start, start + request.chunk_size), 0, len(self.unified) - 1)
        unified = self.unified[rows]
        commands = embodiment.decode(unified, request.observation.state)
        return ActionChunk(unified, unified, commands, 1 / embodiment.fps, request.observation.stamp, 0.0)

    def _run_inverse_dynamics(self, requests):
        raise NotImplementedError

    def _run_forward_dynamics(self, requests):
        raise NotImplementedError


def make_world(embodiment, records=False):
    import sim_eval  # noqa: F401 (registers it)
    from sim_eval.rollout.worlds import WorldInPhysics

    environment = gymnasium.make(
        "CosmosPolicy/Robosuite-v0", task="lift", embodiment=embodiment, image_size=(32, 32)
    ).unwrapped
    return WorldInPhysics(environment, records=records)


def expert_actions(world) -> np.ndarray:
    """The expert's episode in the present scene as unified actions, then standing still."""
    from sim_eval.physics.expert import ScriptedExpert
    from sim_eval.physics.quantities import commanded, measured

    physics = world.environment.physics
    expert, states, commands = ScriptedExpert(physics), [], []
    for _ in range(10_000):
        command = expert.act()
        states.append(measured(physics.state()))
        commands.append(commanded(command))
        physics.step(command)
        if expert.phase is None:
            break
    trajectory = Trajectory(
        {name: np.stack([state[name] for state in states]) for name in states[0]},
        {name: np.stack([command[name] for command in commands]) for name in commands[0]},
    )
    return world.robot.encode(trajectory)


# DROID's actions are motions of the measured pose: each new anchor takes over how far the arm lags behind, which nobody
# corrects here, so its episode is played in one piece.
@pytest.mark.parametrize(("embodiment", "horizon"), [("droid_joint", 8), ("droid", 150), ("ur", 8)])
def test_the_experts_actions_do_the_task_again(physics, embodiment, horizon):
    world = make_world(embodiment)
    world.reset(SEED)
    model = Replayed(expert_actions(world))
    task = Task("lift the red cube", max(16, horizon), Sampling(), Timing(horizon), seed=SEED)
    episode = play(world, model, task, 0, film=False)
    world.close()
    assert episode.record["success"] and episode.frames is None
    assert episode.record["seed"] == SEED
    assert episode.record["chunks"] == -(-episode.record["steps"] // horizon)
    assert [request.seed for request in model.requests] == [chunk_seed(SEED, 0, n) for n in range(len(model.requests))]


def test_a_policy_that_stays_fails_when_its_time_is_over_and_is_filmed(physics):
    world = make_world("droid_joint")
    world.environment.time_limit_s = 0.6
    world.reset(SEED)
    still = world.robot.encode_state(world.observe()["state"])
    model = Replayed(still)
    task = Task("lift the red cube", 16, Sampling(), Timing(4, latency_steps=2), seed=SEED)
    episode = play(world, model, task, 0, film=True)
    world.close()
    assert not episode.record["success"] and episode.record["steps"] == 9
    assert episode.frames.shape == (10, 48, 32, 3)
    assert [request.observation.stamp for request in model.requests] == pytest.approx([0, 4 / 15, 8 / 15])
    assert [None if r.prefix is None else len(r.prefix) for r in model.requests] == [None, 2, 2]


def test_what_is_recorded_is_what_was_measured_seen_and_then_commanded(physics):
    world = make_world("droid_joint", records=True)
    world.environment.time_limit_s = 0.5
    world.reset(SEED)
    home = world.observe()["state"]
    moving = np.concatenate([home["joint_position"], home["gripper_position"]]) + np.linspace(0, 0.4, 8)[:, None]
    task = Task("lift the red cube", 8, Sampling(), Timing(4), seed=SEED)
    episode = play(world, Replayed(moving), task, 0, film=True)
    rows = world.rows
    world.close()
    assert len(rows) == episode.record["steps"] == 8
    scene = physics.open_environment("lift", "droid", seed=SEED, image_size=(32, 32), supersampling=1)
    for (state, images, command), frame in zip(rows, episode.frames, strict=False):
        np.testing.assert_array_equal(state.joint_positions, scene.state().joint_positions)
        np.testing.assert_array_equal(world.robot.compose(images), frame)
        scene.step(command)
    assert np.abs(scene.state().joint_positions - rows[0][0].joint_positions).max() > 0.05
    scene.close()
