"""Forward kinematics of open chains: joint values in, the pose of the last link out, batched, float64."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from embodiments import rotations
from embodiments.errors import EmbodimentError
from embodiments.poses import make_poses

_FOLDER = Path(__file__).parent / "data" / "kinematics"
_ROTATION_KEYS = ("quaternion_wxyz", "quaternion_xyzw", "euler_xyz", "axis_angle")


@dataclass(frozen=True, eq=False)
class Chain:
    """Links from a base to a tip. pose = product over joints of (fixed transform) @ (joint motion), then `tip`.

    `fixed` [J, 4, 4] leads from joint to joint, `axes` [J, 3] are unit vectors in the joint's own frame,
    `prismatic` [J] marks joints that slide (m) instead of turning (rad), `low` and `high` [J] are their limits.
    """

    joint_names: tuple[str, ...]
    fixed: np.ndarray
    tip: np.ndarray
    axes: np.ndarray
    prismatic: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Poses of the tip in the base frame, float64 [rows, 4, 4], from joint values [rows, J].

        A turn follows Rodrigues' formula, R = I + sin(q) K + (1 - cos(q)) K K with K the axis as a cross product.
        """
        # Joint by joint, each contiguous: [J, rows, 4, 4].
        joints = np.ascontiguousarray(values.T)[..., None, None]
        turns = np.where(self._slides, 0.0, joints)
        resting, by_sine, by_versine, by_slide = self._terms
        steps = resting + np.sin(turns) * by_sine + (1.0 - np.cos(turns)) * by_versine
        if self.prismatic.any():
            steps += (joints - turns) * by_slide
        poses = steps[0]
        for step in steps[1:]:
            poses = poses @ step
        return poses @ self.tip

    @cached_property
    def _slides(self) -> np.ndarray:
        return self.prismatic[:, None, None, None]

    @cached_property
    def _terms(self) -> tuple[np.ndarray, ...]:
        """What each joint's step, fixed @ motion, is made of: [J, 1, 4, 4] each."""
        cross = np.zeros_like(self.fixed)
        x, y, z = self.axes.T
        cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
        cross[:, 1, 0], cross[:, 2, 0], cross[:, 2, 1] = z, -y, x
        slide = np.zeros_like(self.fixed)
        slide[:, :3, 3] = self.axes
        terms = (self.fixed, self.fixed @ cross, self.fixed @ cross @ cross, self.fixed @ slide)
        return tuple(term[:, None] for term in terms)


def make_chain(links: list[dict], what: str) -> Chain:
    """A chain from links {"link", "position" m, one rotation ("quaternion_wxyz" | "euler_xyz" | ...), "joint"?}.

    A joint is {"name", "kind": "revolute" | "prismatic", "axis", "limits"} and moves the link after its transform.
    """
    names, fixed, axes, prismatic, limits = [], [], [], [], []
    pending = np.eye(4)
    for link in links:
        rotation = next((key for key in _ROTATION_KEYS if key in link), None)
        turned = np.eye(3) if rotation is None else rotations.to_matrix(np.array(link[rotation]), rotation)
        pending = pending @ make_poses(np.array(link.get("position", [0.0, 0.0, 0.0]), dtype=np.float64), turned)
        joint = link.get("joint")
        if joint is None:
            continue
        axis = np.array(joint["axis"], dtype=np.float64)
        if joint["kind"] not in ("revolute", "prismatic") or np.linalg.norm(axis) == 0.0:
            raise EmbodimentError(
                f"the joint {joint['name']!r} of {what} must be revolute or prismatic with a non-zero axis, "
                f"but it is {joint['kind']!r} about {joint['axis']}"
            )
        names.append(joint["name"])
        fixed.append(pending)
        axes.append(axis / np.linalg.norm(axis))
        prismatic.append(joint["kind"] == "prismatic")
        limits.append(joint.get("limits", [-np.pi, np.pi]))
        pending = np.eye(4)
    if not names:
        raise EmbodimentError(f"the chain of {what} has no joint; expected at least one link with a joint")
    low, high = np.array(limits, dtype=np.float64).T
    return Chain(tuple(names), np.stack(fixed), pending, np.stack(axes), np.array(prismatic), low, high)


@cache
def shipped_chain(robot: str, chain: str) -> Chain:
    """A chain of `data/kinematics/<robot>.json`."""
    content = json.loads((_FOLDER / f"{robot}.json").read_text(encoding="utf-8"))
    return make_chain(content["chains"][chain], f"{robot}, {chain}")
