"""Rewards and ends for imagined worlds: small plug-ins, one file each.

Ours and other packages' are found by the entry-point group ``cosmos_policy.rewards``.
"""

from sim_eval.rewards.base import Reward, Setting, Transition, Verdict, combine
from sim_eval.rewards.registry import make_reward, make_rewards, names

__all__ = ["Reward", "Setting", "Transition", "Verdict", "combine", "make_reward", "make_rewards", "names"]
