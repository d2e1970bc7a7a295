"""Forward and differential inverse kinematics of an arm from its URDF, by mink on MuJoCo. Needs the extra "kinematics".

Only links and joints are read: meshes need not be there. Joints that are not asked for are taken as fixed at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from cosmos_policy.errors import Failure, UsageError
from embodiments.poses import invert

_ROOT = "cosmos_policy_root"
"""MuJoCo makes the first link its world and forgets its name: this one is put before it."""
_KEPT = ("link", "joint")
_KEPT_OF_JOINT = ("origin", "axis", "parent", "child", "limit")
_ITERATIONS = 30
_NEAR_M, _NEAR_RAD = 1e-5, 1e-4
_LARGEST_STEP_RAD = 0.3
_POSTURE_COST = 1e-3
"""Against 1 for each metre and radian of the pose: only what the pose leaves free stays near the row before."""
_DAMPING = 1e-10


class UrdfArm:
    """joints: in the order of positions. base, tool: links; poses are of the tool in the base. lower, upper: [n] rad,
    that the inverse stays within.

    Raises :class:`UsageError` for a URDF that does not have them, :class:`Failure` where mink is not installed.
    """

    def __init__(
        self, urdf: Path, base: str, tool: str, joints: Sequence[str], lower: np.ndarray, upper: np.ndarray
    ) -> None:
        try:
            import mink
            import mujoco
        except ImportError as error:
            raise Failure(
                f"inverse kinematics need mink, which is not installed ({error}): pip install cosmos-policy[kinematics]"
            ) from None
        self._mink = mink
        model = mujoco.MjModel.from_xml_string(_links_and_joints(urdf, joints))
        names = [model.joint(index).name for index in range(model.njnt)]
        missing = [joint for joint in joints if joint not in names]
        bodies = [model.body(index).name for index in range(model.nbody)]
        missing += [link for link in (base, tool) if link not in bodies]
        if missing:
            raise UsageError(f"{urdf} has no {', '.join(missing)}; it has the links {', '.join(bodies[2:])}")
        self._positions = np.array([model.joint(name).qposadr[0] for name in joints])
        self._lower, self._upper = np.asarray(lower), np.asarray(upper)
        for name, low, high in zip(joints, lower, upper, strict=True):
            model.joint(name).range[:] = low, high
        self._base, self._tool = model.body(base).id, model.body(tool).id
        self._configuration = mink.Configuration(model)
        self._limits = [mink.ConfigurationLimit(model, gain=1.0)]
        self._tool_task = mink.FrameTask(tool, "body", position_cost=1.0, orientation_cost=1.0)
        self._posture_task = mink.PostureTask(model, cost=_POSTURE_COST)

    def forward(self, positions: np.ndarray) -> np.ndarray:
        """Poses of the tool in the base, [P, 4, 4] (m), of joints [P, n] (rad)."""
        return np.stack([self._tool_pose(row) for row in positions]) if len(positions) else np.zeros((0, 4, 4))

    def inverse(self, poses: np.ndarray, seed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joints [T, n] (rad) for poses [T, 4, 4], each row from the one before (the first from `seed`), and what is
        left of the way: metres [T] and radians [T]."""
        joints, missed = np.clip(seed, self._lower, self._upper), []
        rows = np.empty((len(poses), len(self._positions)))
        for index, pose in enumerate(poses):
            joints, left = self._solve(pose, joints)
            rows[index] = joints
            missed.append(left)
        distances = np.array(missed).reshape(-1, 2)
        return rows, distances[:, 0], distances[:, 1]

    def _solve(self, pose: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        left = self._error(joints, pose)
        self._posture_task.set_target(self._configuration.q.copy())
        self._tool_task.set_target(self._mink.SE3.from_matrix(self._in_world(pose)))
        for _ in range(_ITERATIONS):
            if left[0] < _NEAR_M and left[1] < _NEAR_RAD:
                break
            rate = self._mink.solve_ik(
                self._configuration,
                [self._tool_task, self._posture_task],
                dt=1.0,
                solver="daqp",
                damping=_DAMPING,
                limits=self._limits,
            )
            step = rate[self._positions]
            joints = joints + step * min(1.0, _LARGEST_STEP_RAD / max(float(np.abs(step).max()), 1e-12))
            left = self._error(joints, pose)
        return joints, left

    def _error(self, joints: np.ndarray, pose: np.ndarray) -> tuple[float, float]:
        difference = invert(self._tool_pose(joints)) @ pose
        # Of the antisymmetric part, not of the trace: a small angle from 1 + cos loses half of its digits.
        sine = 0.5 * np.linalg.norm((difference[:3, :3] - difference[:3, :3].T)[[2, 0, 1], [1, 2, 0]])
        cosine = 0.5 * (np.trace(difference[:3, :3]) - 1.0)
        return float(np.linalg.norm(difference[:3, 3])), float(np.arctan2(sine, cosine))

    def _tool_pose(self, joints: np.ndarray) -> np.ndarray:
        q = self._configuration.q.copy()
        q[self._positions] = joints
        self._configuration.update(q)
        return invert(self._body(self._base)) @ self._body(self._tool)

    def _in_world(self, pose: np.ndarray) -> np.ndarray:
        return self._body(self._base) @ pose

    def _body(self, body: int) -> np.ndarray:
        data, pose = self._configuration.data, np.eye(4)
        pose[:3, :3], pose[:3, 3] = data.xmat[body].reshape(3, 3), data.xpos[body]
        return pose


def _links_and_joints(urdf: Path, moving: Sequence[str]) -> str:
    """The URDF without shapes, masses, simulators and controllers; joints other than `moving` are fixed."""
    try:
        robot = ElementTree.parse(urdf).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise UsageError(f"cannot read the URDF {urdf}: {error}") from None
    if robot.tag != "robot":
        raise UsageError(f"{urdf} is no URDF: its first element is <{robot.tag}>, not <robot>")
    for element in list(robot):
        if element.tag not in _KEPT or (element.tag == "joint" and element.find("parent") is None):
            robot.remove(element)
        elif element.tag == "link":
            for part in list(element):
                element.remove(part)
        else:
            for part in [part for part in element if part.tag not in _KEPT_OF_JOINT]:
                element.remove(part)
            if element.get("name") not in moving:
                element.set("type", "fixed")
    children = {joint.find("child").get("link") for joint in robot.iter("joint")}
    roots = [link.get("name") for link in robot.iter("link") if link.get("name") not in children]
    if len(roots) != 1:
        raise UsageError(f"{urdf} must have one root link, but it has {', '.join(roots) or 'none'}")
    _add_root(robot, roots[0])
    return ElementTree.tostring(robot, encoding="unicode")


def _add_root(robot: ElementTree.Element, first: str) -> None:
    compiler = {"boundmass": "0.001", "boundinertia": "1e-6", "fusestatic": "false"}
    ElementTree.SubElement(ElementTree.SubElement(robot, "mujoco"), "compiler", compiler)
    ElementTree.SubElement(robot, "link", {"name": _ROOT})
    joint = ElementTree.SubElement(robot, "joint", {"name": f"{_ROOT}_joint", "type": "fixed"})
    ElementTree.SubElement(joint, "parent", {"link": _ROOT})
    ElementTree.SubElement(joint, "child", {"link": first})
