"""What every simulated robot's scene has, whatever the robot's body: pictures, objects, a clock, an end."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from sim_eval.physics.randomization import Randomization
from sim_eval.physics.robots.base import SimulatedRobot
from sim_eval.physics.scene import build_scene, free_rendering
from sim_eval.physics.tasks.base import Task

if TYPE_CHECKING:
    from embodiments import Embodiment
    from sim_eval.physics.command_spaces import CommandSpace
    from sim_eval.physics.expert import Expert


class SceneEnvironment(ABC):
    """A task and a robot in one scene; :func:`sim_eval.physics.open_environment` makes it.

    All that chance decides is fixed by ``seed``. A scene is built for its seed and is not reset: another seed, another
    scene.
    """

    def __init__(
        self,
        task: Task,
        robot: SimulatedRobot,
        *,
        seed: int,
        image_size: tuple[int, int],
        supersampling: int,
        randomization: Randomization,
    ) -> None:
        self.task, self.robot, self.seed, self.image_size = task, robot, seed, image_size
        self.randomization = randomization
        self._supersampling, self._closed = supersampling, False
        self._scene = build_scene(task, robot, seed, image_size, randomization)
        self._model: mujoco.MjModel = self._scene.sim.model._model
        self._data: mujoco.MjData = self._scene.sim.data._data

    @property
    def control_period_s(self) -> float:
        """Time that one :meth:`step` takes in the scene, seconds."""
        return 1.0 / self.robot.control_rate_hz

    @abstractmethod
    def state(self) -> Any:
        """What the robot measures now (:mod:`sim_eval.physics.robot_io`)."""

    @property
    @abstractmethod
    def command_in_force(self) -> Any:
        """The last command; before the first one, to stay as the robot began."""

    @abstractmethod
    def step(self, command: Any) -> None:
        """Drives the robot for one control step; a :class:`UsageError` says what is wrong with a command."""

    @abstractmethod
    def expert(self) -> Expert:
        """A scripted expert that plays the task from now on."""

    @abstractmethod
    def command_space(self, embodiment: Embodiment, kind: str | None) -> CommandSpace:
        """What an embodiment commands, or the same robot by another kind of commands; None for its own."""

    @property
    @abstractmethod
    def column_names(self) -> Mapping[str, Sequence[str]]:
        """What each number of each quantity is, for the columns of datasets."""

    @abstractmethod
    def object_pose(self, name: str) -> np.ndarray:
        """Pose ``[4, 4]`` (m) of one of the task's objects in the robot's base frame."""

    def images(self) -> dict[str, np.ndarray]:
        """The robot's views now, each ``[height, width, 3]`` uint8 RGB."""
        return {camera.view: self._render(camera.view) for camera in self.robot.cameras}

    def succeeded(self) -> bool:
        """Whether the task is done at this moment, by its own criterion or robosuite's."""
        own = self.task.succeeded
        return bool(self._scene._check_success() if own is None else own(self))

    def close(self) -> None:
        """Frees the simulation and its pictures' memory; the environment is of no use after that."""
        if not self._closed:
            self._closed = True
            free_rendering(self._scene)
            self._scene.close()
            self._forget()
            del self._scene, self._model, self._data
            gc.collect()  # robosuite's objects refer to each other in circles, and each scene is tens of megabytes

    @abstractmethod
    def _forget(self) -> None:
        """Lets go of what else holds the simulation."""

    def _drive(self, action: np.ndarray) -> None:
        self._scene.step(action)
        self._scene.sim.forward()  # poses and pictures of the same instant as the joint values

    def _render(self, camera: str) -> np.ndarray:
        width, height = self.image_size
        factor = self._supersampling
        upside_down = self._scene.sim.render(camera_name=camera, width=width * factor, height=height * factor)
        blocks = upside_down[::-1].reshape(height, factor, width, factor, 3)
        return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
