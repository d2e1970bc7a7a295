"""Judges: did this roll-out succeed? A probability, and how often it is right on roll-outs whose end is known."""

from sim_eval.rewards.judges.base import Clip, Judge
from sim_eval.rewards.judges.confusion import Confusion, check_threshold, measure
from sim_eval.rewards.judges.head import JudgeHead
from sim_eval.rewards.judges.labelled import LabelledClip, read_labelled, split
from sim_eval.rewards.judges.reasoner import ReasonerJudge

__all__ = [
    "Clip",
    "Confusion",
    "Judge",
    "JudgeHead",
    "LabelledClip",
    "ReasonerJudge",
    "check_threshold",
    "measure",
    "read_labelled",
    "split",
]
