"""``gymnasium.make("CosmosPolicy/Robosuite-v0", task="lift", embodiment="droid_joint")``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces

import embodiments
from cosmos_policy.errors import UsageError
from sim_eval.physics import PLAIN, Randomization, open_environment, robots, tasks
from sim_eval.physics.quantities import BOUNDS, present
from sim_eval.physics.simulator import rendering

if TYPE_CHECKING:
    from sim_eval.physics.scene_environment import SceneEnvironment

SUCCESS_HOLD_S = 0.3
"""A task counts as done once robosuite has said so for this long without a break: no lucky instant counts."""
_SEEDS = 2**31


class RobosuiteEnvironment(gymnasium.Env):
    """A task in robosuite, seen and commanded as an embodiment is.

    Observation: ``{"images": {view: uint8 [height, width, 3]}, "state": {name: float64}}``, with the embodiment's view
    and state names. Action: one control step of the embodiment's commands (:attr:`commands`). A step takes
    ``1 / embodiment.fps`` seconds. The reward is 1 in the step that ends the task and 0 otherwise; ``terminated`` says
    that it is done, ``truncated`` that its time is over. ``info``: ``success`` (done, and held), ``instruction``,
    ``time_s``, ``seed`` (of the scene).

    Args:
        task: one of ``sim_eval.physics.tasks.NAMES``.
        embodiment: a name, or an :class:`embodiments.Embodiment` (with a normaliser of its own, say).
        robot: one of ``sim_eval.physics.robots.NAMES``; left out, the one that speaks the embodiment.
        commands: "cartesian" (flange poses) or "joint" (joint positions); left out, what the embodiment commands.
        image_size: width and height of each view, pixels. supersampling: see ``open_environment``.
        randomization: a :class:`Randomization`, or a mapping with its fields; left out, every scene looks the same.
        time_limit_s: left out, the task's own.
        render_mode: None or "rgb_array" (the composed views).

    ``reset(seed=n)`` gives scene ``n``: the one that ``open_environment(seed=n)`` gives, the same on every machine.
    Without a seed the next scene is drawn from the environment's own generator. Pictures are taken only when looked at:
    :meth:`step_blind` goes on without any. ``metadata["opengl"]`` says how they are made.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (Gymnasium's way)

    def __init__(
        self,
        task: str = "lift",
        embodiment: str | embodiments.Embodiment = "droid_joint",
        robot: str | None = None,
        *,
        commands: str | None = None,
        image_size: tuple[int, int] = (256, 256),
        supersampling: int = 1,
        randomization: Randomization | Mapping[str, float] | None = None,
        time_limit_s: float | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise UsageError(f'render_mode {render_mode!r} is not one of None, "rgb_array"')
        self.embodiment = embodiments.get(embodiment) if isinstance(embodiment, str) else embodiment
        self.robot = robots.speaking(self.embodiment.name, robot)
        self.task = tasks.get(task)
        self.time_limit_s = self.task.time_limit_s if time_limit_s is None else float(time_limit_s)
        if not self.time_limit_s > 0:
            raise UsageError(f"time_limit_s is {time_limit_s}; expected seconds above 0")
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": self.embodiment.fps, "opengl": rendering()}
        self._scene_options = {
            "image_size": tuple(image_size),
            "supersampling": supersampling,
            "randomization": _as_randomization(randomization),
        }
        self._environment: SceneEnvironment | None = None
        self._open(0)  # the spaces are the robot's own
        self.commands = self.physics.command_space(self.embodiment, commands)
        self.action_space = self.commands.space
        self.observation_space = self._observation_space()

    @property
    def physics(self) -> SceneEnvironment:
        """The scene of the present episode."""
        if self._environment is None:
            raise UsageError("the environment is closed; make a new one")
        return self._environment

    @property
    def instruction(self) -> str:
        """What a person would tell the robot."""
        return self.task.instruction

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """A new scene. ``options`` takes nothing."""
        super().reset(seed=seed)
        if options:
            raise UsageError(f"reset takes no options, but got {', '.join(options)}")
        self._open(int(self.np_random.integers(_SEEDS)) if seed is None else seed)
        return self.observe(), self._info()

    def step(self, action: Mapping[str, np.ndarray]) -> tuple[dict, float, bool, bool, dict]:
        """One control step, and what is then seen."""
        reward, terminated, truncated, info = self.step_blind(action)
        return self.observe(), reward, terminated, truncated, info

    def step_blind(self, action: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict]:
        """As :meth:`step`, without pictures: reward, terminated, truncated, info."""
        environment = self.physics
        environment.step(self.commands.to_robot(action, environment))
        self._steps += 1
        self._held = self._held + 1 if environment.succeeded() else 0
        success = self._held >= round(SUCCESS_HOLD_S / environment.control_period_s)
        truncated = not success and self._steps >= round(self.time_limit_s / environment.control_period_s)
        return float(success), success, truncated, self._info(success)

    def observe(self) -> dict[str, dict[str, np.ndarray]]:
        """What the robot sees and feels now."""
        return {"images": self.physics.images(), "state": self._state()}

    def hold(self) -> dict[str, np.ndarray]:
        """The action that keeps the robot where its command in force holds it."""
        return self.commands.hold(self.physics)

    def render(self) -> np.ndarray | None:
        """The composed views, uint8 ``[height, width, 3]``, as the model sees them."""
        return None if self.render_mode is None else self.embodiment.compose(self.physics.images())

    def close(self) -> None:
        """Frees the scene. Closing twice is harmless."""
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _open(self, seed: int) -> None:
        self.close()
        self._seed, self._steps, self._held = seed, 0, 0
        self._environment = open_environment(self.task.name, self.robot, seed=seed, **self._scene_options)

    def _state(self) -> dict[str, np.ndarray]:
        fields = (*self.embodiment.anchor_fields, *self.embodiment.state_row_fields)
        return present(fields, self.physics.state(), self.physics.command_in_force)

    def _info(self, success: bool = False) -> dict[str, Any]:
        return {
            "success": success,
            "instruction": self.instruction,
            "time_s": self._steps * self.physics.control_period_s,
            "seed": self._seed,
        }

    def _observation_space(self) -> spaces.Dict:
        width, height = self._scene_options["image_size"]
        picture = spaces.Box(0, 255, (height, width, 3), dtype=np.uint8)
        state = {
            name: spaces.Box(*(np.broadcast_to(bound, value.shape) for bound in BOUNDS[name]), dtype=np.float64)
            for name, value in self._state().items()
        }
        views = dict.fromkeys(self.embodiment.views, picture)
        return spaces.Dict({"images": spaces.Dict(views), "state": spaces.Dict(state)})


def _as_randomization(value: Randomization | Mapping[str, float] | None) -> Randomization:
    if value is None:
        return PLAIN
    if isinstance(value, Randomization):
        return value
    known = asdict(Randomization())
    unknown = [name for name in value if name not in known]
    if unknown:
        raise UsageError(f"randomization has no {', '.join(unknown)}; it has {', '.join(known)}")
    return Randomization(**value)
