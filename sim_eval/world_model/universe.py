"""What one environment or N have in common: the model, the rules, the starts and the rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

import cosmos_policy
import embodiments
from cosmos_policy.client import is_address
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment
from sim_eval.rewards import Reward, Setting, Verdict, make_rewards
from sim_eval.rewards.time_limit import TimeLimit
from sim_eval.world_model.screen import Screen
from sim_eval.world_model.spaces import action_space, observation_space
from sim_eval.world_model.starts import GeneratedStart, GivenStart, Place, RecordedStart, Starts
from sim_eval.world_model.step import Timing
from sim_eval.world_model.world import ImaginedWorld, Rules, observe

FRAMES_PER_LATENT = 4
#: Said of a world that has not moved.
STILL = Verdict()


@dataclass(frozen=True)
class WorldModelSettings:
    """The arguments of ``gymnasium.make("CosmosPolicy/WorldModel-v0", ...)``.

    checkpoint: a name, folder or hub id; the address of a server ("ws://..."); or a model that is loaded already (it is
        shared, and stays open).
    embodiment: a name, a YAML file, or an ``Embodiment``.
    dataset: a LeRobot v3 folder or hub id; ``reset`` then begins at one of its frames. dataset_options: ``episodes``,
        ``camera_map``, ``missing_views``, ``fps``, as in ``cosmos-policy replay``.
    start: options of a ``reset`` that names no start of its own.
    frame_size: (height, width) of the composed frames that worlds start from, pixels; left out, that of the dataset's
        or the start's.
    chunk_size: T, actions a step, a multiple of 4; left out, the embodiment's.
    instruction: said to the model in place of the start's own. sampling: a ``Sampling``, or its fields.
    rewards: names, ``{name: {argument: value}}``, ``Reward`` objects, functions of a transition (``sim_eval.rewards``).
    time_limit_s: truncates after so many seconds of imagined time; left out, no world ends by itself.
    workspace_m: positions of actions are declared (and sampled) within this distance of the origin; nothing is clipped.
    model_options: further arguments of ``cosmos_policy.load`` (device, dtype, ...) or ``cosmos_policy.connect``.
    """

    checkpoint: str | WorldActionModel = "tiny"
    embodiment: str | Embodiment = "droid"
    dataset: str | None = None
    dataset_options: Mapping[str, Any] | None = None
    start: Mapping[str, Any] | None = None
    frame_size: tuple[int, int] | None = None
    chunk_size: int | None = None
    instruction: str | None = None
    sampling: Sampling | Mapping[str, Any] | None = None
    rewards: Sequence[Any] = ()
    time_limit_s: float | None = None
    workspace_m: float = 1.0
    model_options: Mapping[str, Any] | None = None


class Universe:
    """Makes worlds that belong together, and holds the model that they share."""

    def __init__(self, settings: WorldModelSettings) -> None:
        robot = settings.embodiment
        robot = robot if isinstance(robot, Embodiment) else embodiments.get(robot)
        sources = [GivenStart(), GeneratedStart()]
        if settings.dataset is not None:
            recorded = RecordedStart(settings.dataset, robot, **(settings.dataset_options or {}))
            robot = recorded.embodiment
            sources.insert(0, recorded)
        limit = () if settings.time_limit_s is None else (TimeLimit(settings.time_limit_s),)
        self.rewards: tuple[Reward, ...] = make_rewards((*make_rewards(settings.rewards), *limit))
        self._starts = Starts(sources, settings.start, [name for reward in self.rewards for name in reward.options])
        if not settings.workspace_m > 0:
            raise UsageError(f"workspace_m is {settings.workspace_m}; expected metres above 0.")
        self._owns_model = not isinstance(settings.checkpoint, WorldActionModel)
        self.model = _open_model(settings)
        try:
            robot = self.model.embodiment_for(robot)
            chunk_size = _chunk_size(settings.chunk_size, robot)
            self._place = Place(robot, self.model)
            sampling = self.model.sampling_for(robot, _sampling(settings.sampling))
            if settings.frame_size is None:
                first = self._starts.open(None, self._place, np.random.default_rng(0)).frame
            else:
                first = np.zeros((*settings.frame_size, 3), dtype=np.uint8)
            screen = Screen.for_frame(first, sampling.resolution_tier, robot)
        except BaseException:
            self.close()
            raise
        self.rules = Rules(robot, screen, chunk_size, sampling, settings.instruction)
        self.workspace_m = float(settings.workspace_m)

    @property
    def embodiment(self) -> Embodiment:
        return self.rules.embodiment

    def begin(self, options: Mapping[str, Any] | None, generator: np.random.Generator) -> tuple[ImaginedWorld, list]:
        """A world at its start, and the goal of each reward; what `options` leave open, `generator` draws."""
        start = self._starts.open(options, self._place, generator)
        given, screen = options or {}, self.rules.screen
        own = Screen.for_frame(start.frame, screen.tier, self.embodiment)
        if own != screen:
            raise UsageError(
                f"The start ({start.origin}) is {start.frame.shape[1]}x{start.frame.shape[0]} pixels (width x height), "
                f"which the model sees as {own.width}x{own.height}, but this environment's worlds are "
                f"{screen.width}x{screen.height}: make another environment for it."
            )
        world = ImaginedWorld(self.rules, start, generator)
        if "instruction" in given:
            world.instruction = str(given["instruction"])
        setting = Setting(self.embodiment, self._fit_goal, self.model)
        goals = [
            reward.prepare({name: given[name] for name in reward.options if name in given}, setting)
            for reward in self.rewards
        ]
        return world, goals

    def action_space(self, rows: int | None) -> spaces.Dict:
        return action_space(self.embodiment, rows, self.workspace_m)

    def observation_space(self) -> spaces.Dict:
        """Known before any world is there: pictures by the screen, the state by the robot."""
        screen, state = self.rules.screen, self.embodiment.example_observation()["state"]
        frame = np.zeros((screen.height, screen.width, 3), dtype=np.uint8)
        return observation_space(self.embodiment, frame, embodiments.commands.present(self.embodiment, state))

    def observe(self, world: ImaginedWorld) -> dict[str, Any]:
        return observe(self.rules, world.frame, world.state)

    @property
    def time_limit_s(self) -> float:
        """Imagined time after which an episode is truncated; infinite where nothing limits it."""
        return min((reward.limit_s for reward in self.rewards if isinstance(reward, TimeLimit)), default=np.inf)

    def info(self, world: ImaginedWorld, timing: Timing, verdict: Verdict = STILL) -> dict[str, Any]:
        """What is told of a world beside its observation. verdict: what was said of its last step."""
        return {
            "success": verdict.success,
            "time_s": world.time_s,
            "chunks": world.chunks,
            "seed": world.seed,
            "instruction": world.instruction,
            "start": world.start.origin,
            "clamped_actions": world.clamped,
            "drift": dict(world.drift),
            "timing": timing,
            "rewards": {name: dict(facts) for name, facts in verdict.info.items()},
        }

    def close(self) -> None:
        """Closes the model, if it was loaded here. Closing twice is harmless."""
        if self._owns_model:
            self._owns_model = False
            self.model.close()

    def _fit_goal(self, frame: np.ndarray) -> np.ndarray:
        screen = self.rules.screen
        if Screen.for_frame(frame, screen.tier, self.embodiment) != screen:
            raise UsageError(
                f"The goal picture is {frame.shape[1]}x{frame.shape[0]} pixels (width x height), which does not become "
                f"{screen.width}x{screen.height} as this environment's frames; give a composed frame like the start's."
            )
        return screen.show(frame)


def _open_model(settings: WorldModelSettings) -> WorldActionModel:
    checkpoint, options = settings.checkpoint, dict(settings.model_options or {})
    if isinstance(checkpoint, WorldActionModel):
        if options:
            raise UsageError(
                f"model_options ({', '.join(options)}) cannot be given beside a model that is loaded already."
            )
        return checkpoint
    if is_address(checkpoint):
        return cosmos_policy.connect(checkpoint, **options)
    return cosmos_policy.load(checkpoint, **options)


def _chunk_size(wanted: int | None, embodiment: Embodiment) -> int:
    size = embodiment.chunk_size if wanted is None else wanted
    if size < FRAMES_PER_LATENT or size % FRAMES_PER_LATENT:
        raise UsageError(f"chunk_size is {size}; expected a positive multiple of {FRAMES_PER_LATENT} actions.")
    return int(size)


def _sampling(wanted: Sampling | Mapping[str, Any] | None) -> Sampling:
    if wanted is None or isinstance(wanted, Sampling):
        return wanted or Sampling()
    try:
        return Sampling(**wanted)
    except TypeError:
        raise UsageError(f"sampling has fields that do not exist among {', '.join(wanted)}.") from None
