"""robosuite's tasks with a robot's own cameras and controller, and a clock that fits its control rate."""

import math
import os
from pathlib import Path
from xml.etree import ElementTree

import robosuite
from robosuite.environments.base import REGISTERED_ENVS
from robosuite.environments.robot_env import RobotEnv

from cosmos_policy.errors import Failure
from sim_eval.physics.cameras import Camera
from sim_eval.physics.looks import vary_looks
from sim_eval.physics.randomization import Randomization
from sim_eval.physics.robots.base import SimulatedRobot
from sim_eval.physics.tasks.base import Task

ROBOT_PREFIX = "robot0_"
_OPENGL_LOADED_IN = os.getpid()
"""A fork of that process would hang in its first picture: OSMesa's threads are not there any more."""
_TABLE_TEXTURE = "light-wood.png"
"""In place of robosuite's plain white table, on which a picture shows no motion of the camera."""
_LONGEST_TIMESTEP_S = 0.002
"""robosuite's own (``macros.SIMULATION_TIMESTEP``), which its contact parameters are tuned for."""


def build_scene(
    task: Task, robot: SimulatedRobot, seed: int, image_size: tuple[int, int], randomization: Randomization
) -> RobotEnv:
    """The robosuite environment of a task with a robot in it, reset and ready to step.

    Its action is that of the robot's controllers, in robosuite's order: for an arm absolute joint positions (rad), then
    the wanted gripper position (0 open, 1 closed).

    Raises:
        Failure: no OpenGL context can be made, or this process is a fork of one that has it loaded.
    """
    if os.getpid() != _OPENGL_LOADED_IN:
        raise Failure(
            "this process was forked from one that had OpenGL loaded, which does not survive a fork: start processes "
            "with 'spawn' (gymnasium.make_vec without a vectorization_mode does; with \"async\" it takes "
            "vector_kwargs={'context': 'spawn'})"
        )
    base = REGISTERED_ENVS[task.environment]
    dressed = type(
        f"Dressed{task.environment}", (_DressedScene, base), {"robot_cameras": robot.cameras, "image_size": image_size}
    )
    options = dict(
        **robot.robosuite_options(),
        control_freq=robot.control_rate_hz,
        has_renderer=False,
        has_offscreen_renderer=True,
        use_camera_obs=False,
        ignore_done=True,
        hard_reset=False,
        seed=seed,
        initialization_noise={"magnitude": randomization.start_joints_rad, "type": "gaussian"},
        **task.scene_options(seed, randomization.placement),
    )
    try:
        scene = dressed(**options)
    except ImportError as error:  # what robosuite raises where no OpenGL context can be made
        raise Failure(
            f"OpenGL through MUJOCO_GL={os.environ.get('MUJOCO_GL', '')} does not start ({error}): set MUJOCO_GL to "
            "osmesa (software, needs libosmesa6) or egl (GPU), or unset it to have it chosen"
        ) from error
    if task.adjust_scene is not None:
        task.adjust_scene(scene, randomization.placement)
    scene.reset()
    views = tuple(camera.view for camera in robot.cameras)
    vary_looks(scene.sim.model._model, randomization, views, tuple(task.objects.values()), seed)
    scene.sim.forward()
    return scene


def free_rendering(scene: RobotEnv) -> None:
    """Frees a scene's OpenGL objects while their own context is the current one.

    robosuite leaves it to the garbage collector, which runs at any time: then another scene's context is current, and
    that scene would lose its textures in place of this one.
    """
    rendering = scene.sim._render_context_offscreen
    rendering.gl_ctx.make_current()
    rendering.con.free()
    rendering.con = _FreedContext()
    rendering.gl_ctx.free()


class _FreedContext:
    """Stands where robosuite will free the context once more."""

    def free(self) -> None:
        """There is nothing left to free."""


def substep(control_rate_hz: float) -> tuple[float, int]:
    """Length (s) and number of the simulation steps in one control step: a whole number of them, none above 2 ms."""
    count = math.ceil(1.0 / (control_rate_hz * _LONGEST_TIMESTEP_S))
    return 1.0 / (control_rate_hz * count), count


class _DressedScene:
    """Mixed in before a robosuite environment: edits its MuJoCo model before it is compiled."""

    robot_cameras: tuple[Camera, ...]
    image_size: tuple[int, int]

    def edit_model_xml(self, xml_str: str) -> str:
        root = ElementTree.fromstring(super().edit_model_xml(xml_str))
        root.find("option").set("timestep", repr(substep(self.control_freq)[0]))
        ceramic = root.find(".//texture[@name='tex-ceramic']")
        if ceramic is not None:
            ceramic.set("file", str(Path(robosuite.models.assets_root) / "textures" / _TABLE_TEXTURE))
        for camera in self.robot_cameras:
            body = root.find(f".//body[@name='{ROBOT_PREFIX}{camera.body}']")
            body.append(camera.to_xml(self.image_size))
        return ElementTree.tostring(root, encoding="unicode")

    def initialize_time(self, control_freq: float) -> None:
        # robosuite truncates control time / simulation time to whole steps: 33 of 2 ms make its 15 Hz 15.15 Hz, and
        # rounding could lose one of ours. Half a step more than the count truncates to the count.
        super().initialize_time(control_freq)
        _, count = substep(control_freq)
        self.model_timestep = self.control_timestep / (count + 0.5)
