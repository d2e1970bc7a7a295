"""The worlds that a policy can act in, one file each; a closed loop knows only :class:`~.base.World`."""

from sim_eval.rollout.worlds.base import World
from sim_eval.rollout.worlds.imagined import WorldInImagination
from sim_eval.rollout.worlds.opening import open_beginnings, open_world, robot_of
from sim_eval.rollout.worlds.physics import WorldInPhysics

__all__ = ["World", "WorldInImagination", "WorldInPhysics", "open_beginnings", "open_world", "robot_of"]
