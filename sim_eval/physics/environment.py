"""A scene, seen and driven as the real robot is: named pictures, base-frame poses, absolute joint commands."""

import gc

import mujoco
import numpy as np

from cosmos_policy.errors import UsageError
from sim_eval.physics.kinematics import ArmKinematics, body_pose
from sim_eval.physics.randomization import Randomization
from sim_eval.physics.robot_io import RobotCommand, RobotState
from sim_eval.physics.robots.base import RobotSetup
from sim_eval.physics.scene import GRIPPER_PREFIX, ROBOT_PREFIX, build_scene, free_rendering
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

        arm = self._scene.robots[0]
        base, flange = ROBOT_PREFIX + robot.base_body, ROBOT_PREFIX + robot.flange_body
        self._base, self._flange = self._model.body(base).id, self._model.body(flange).id
        self._joints = np.array([self._model.joint(name).qposadr[0] for name in arm.robot_joints])
        self._gripper = self._model.joint(GRIPPER_PREFIX + robot.gripper_joint).qposadr[0]
        self._grip_site = self._model.site(GRIPPER_PREFIX + "grip_site").id
        self.joint_names = tuple(name.removeprefix(ROBOT_PREFIX) for name in arm.robot_joints)
        self.kinematics = ArmKinematics(self._model, arm.robot_joints, base, flange, rest=arm.init_qpos)
        self._command = RobotCommand(self.state().joint_positions, 0.0)
        self._start = {name: self.object_pose(name) for name in task.objects}

    @property
    def control_period_s(self) -> float:
        """Time that one :meth:`step` takes in the scene, seconds."""
        return 1.0 / self.robot.control_rate_hz

    def state(self) -> RobotState:
        """What the robot measures now."""
        return RobotState(
            joint_positions=self._data.qpos[self._joints].copy(),
            flange_pose=body_pose(self._data, self._base, self._flange),
            gripper_position=float(self._data.qpos[self._gripper] / self.robot.gripper_stroke),
        )

    @property
    def command_in_force(self) -> RobotCommand:
        """The last command; before the first one, to stay where the arm began with the gripper open."""
        return self._command

    def images(self) -> dict[str, np.ndarray]:
        """The robot's views now, each ``[height, width, 3]`` uint8 RGB."""
        return {camera.view: self._render(camera.view) for camera in self.robot.cameras}

    def object_pose(self, name: str) -> np.ndarray:
        """Pose ``[4, 4]`` (m) of one of the task's objects in the robot's base frame.

        Raises:
            UsageError: the task has no object of that name.
        """
        if name not in self.task.objects:
            raise UsageError(f"{self.task.name} has no object {name!r}; it has {', '.join(self.task.objects)}")
        return body_pose(self._data, self._base, self._model.body(self.task.objects[name]).id)

    def start_pose(self, name: str) -> np.ndarray:
        """Where one of the task's objects lay when the scene began, as :meth:`object_pose`."""
        return self._start[name]

    def grip_point(self) -> np.ndarray:
        """The point between the fingertips, ``[3]`` m, base frame."""
        flange = self.state().flange_pose
        return flange[:3, 3] + flange[:3, 2] * self.grip_offset()

    def grip_offset(self) -> float:
        """Distance (m) from the flange, along its z, to the point between the fingertips."""
        to_flange = self._data.xmat[self._flange].reshape(3, 3).T
        return float((to_flange @ (self._data.site_xpos[self._grip_site] - self._data.xpos[self._flange]))[2])

    def step(self, command: RobotCommand) -> None:
        """Drives the robot for one control step.

        Raises:
            UsageError: a command of the wrong width, or one that is not finite.
        """
        action = np.append(np.asarray(command.joint_positions, dtype=float), command.gripper_position)
        if action.shape != (len(self._joints) + 1,) or not np.isfinite(action).all():
            raise UsageError(
                f"a command for {self.robot.name} is {len(self._joints)} finite joint positions (rad) and a gripper "
                f"position, not {action.tolist()}"
            )
        self._command = RobotCommand(action[:-1].copy(), float(action[-1]))
        self._scene.step(action)
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
            del self._scene, self._model, self._data, self.kinematics
            gc.collect()  # robosuite's objects refer to each other in circles, and each scene is tens of megabytes

    def _render(self, camera: str) -> np.ndarray:
        width, height = self.image_size
        factor = self._supersampling
        upside_down = self._scene.sim.render(camera_name=camera, width=width * factor, height=height * factor)
        blocks = upside_down[::-1].reshape(height, factor, width, factor, 3)
        return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
