"""A scene, seen and driven as the real robot is: named pictures, base-frame poses, absolute joint commands."""

import gc
from collections.abc import Mapping

import mujoco
import numpy as np

from cosmos_policy.errors import UsageError
from sim_eval.physics.arm import Arm
from sim_eval.physics.kinematics import ArmKinematics
from sim_eval.physics.randomization import Randomization
from sim_eval.physics.robot_io import ArmsCommand, ArmsState, RobotCommand, RobotState
from sim_eval.physics.robots.base import RobotSetup
from sim_eval.physics.scene import build_scene, free_rendering
from sim_eval.physics.tasks.base import Task


class PhysicsEnvironment:
    """A task and a robot in one scene; :func:`sim_eval.physics.open_environment` makes it.

    All that chance decides is fixed by ``seed``. A scene is built for its seed and is not reset: another seed, another
    scene.
    """

    def __init__(
        self,
        task: Task,
        robot: RobotSetup,
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

        self.arms = {
            name: Arm(name, robot, self._scene.robots[number], number, self._model, self._data, task)
            for name, number in robot.arms.items()
        }

    @property
    def control_period_s(self) -> float:
        """Time that one :meth:`step` takes in the scene, seconds."""
        return 1.0 / self.robot.control_rate_hz

    @property
    def arm(self) -> Arm:
        """The robot's only arm.

        Raises:
            UsageError: the robot has several.
        """
        if len(self.arms) > 1:
            raise UsageError(
                f"{self.robot.name} has several arms: ask for arms[name], name one of {', '.join(self.arms)}"
            )
        return next(iter(self.arms.values()))

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joints of the only arm, base to flange."""
        return self.arm.joint_names

    @property
    def kinematics(self) -> ArmKinematics:
        """Of the only arm."""
        return self.arm.kinematics

    def state(self) -> RobotState | ArmsState:
        """What the robot measures now: of one arm its state, of several all by name."""
        return self._one_or_all(ArmsState, {name: arm.state() for name, arm in self.arms.items()})

    @property
    def command_in_force(self) -> RobotCommand | ArmsCommand:
        """The last command; before the first one, to stay where the arms began with the grippers open."""
        return self.command({name: arm.command_in_force for name, arm in self.arms.items()})

    def command(self, arms: Mapping[str, RobotCommand]) -> RobotCommand | ArmsCommand:
        """What :meth:`step` takes, from a command for each arm."""
        return self._one_or_all(ArmsCommand, arms)

    def images(self) -> dict[str, np.ndarray]:
        """The robot's views now, each ``[height, width, 3]`` uint8 RGB."""
        return {camera.view: self._render(camera.view) for camera in self.robot.cameras}

    def object_pose(self, name: str) -> np.ndarray:
        """Pose ``[4, 4]`` (m) of one of the task's objects in the robot's base frame (of several arms: the first's).

        Raises:
            UsageError: the task has no object of that name.
        """
        return next(iter(self.arms.values())).object_pose(name)

    def start_pose(self, name: str) -> np.ndarray:
        """Where one of the task's objects lay when the scene began, as :meth:`object_pose`."""
        return next(iter(self.arms.values())).start_pose(name)

    def grip_point(self) -> np.ndarray:
        """The point between the only arm's fingertips, ``[3]`` m, base frame."""
        return self.arm.grip_point()

    def grip_offset(self) -> float:
        """Distance (m) from the only arm's flange, along its z, to the point between the fingertips."""
        return self.arm.grip_offset()

    def step(self, command: RobotCommand | ArmsCommand) -> None:
        """Drives the robot for one control step.

        Raises:
            UsageError: a command for other arms, of the wrong width, or one that is not finite.
        """
        told = command.arms if isinstance(command, ArmsCommand) else {"": command}
        if set(told) != set(self.arms):
            raise UsageError(f"{self.robot.name} takes a command for each of its arms ({', '.join(self.arms)})")
        checked = {name: arm.checked(told[name]) for name, arm in self.arms.items()}
        for name, arm in self.arms.items():
            arm.command_in_force = checked[name]
        in_scene_order = sorted(self.arms, key=self.robot.arms.__getitem__)
        parts = [np.append(checked[name].joint_positions, checked[name].gripper_position) for name in in_scene_order]
        self._scene.step(np.concatenate(parts))
        self._scene.sim.forward()  # poses and pictures of the same instant as the joint values

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
            del self._scene, self._model, self._data, self.arms
            gc.collect()  # robosuite's objects refer to each other in circles, and each scene is tens of megabytes

    def _render(self, camera: str) -> np.ndarray:
        width, height = self.image_size
        factor = self._supersampling
        upside_down = self._scene.sim.render(camera_name=camera, width=width * factor, height=height * factor)
        blocks = upside_down[::-1].reshape(height, factor, width, factor, 3)
        return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)

    def _one_or_all(self, several, by_arm):
        return next(iter(by_arm.values())) if len(self.arms) == 1 else several(by_arm)
