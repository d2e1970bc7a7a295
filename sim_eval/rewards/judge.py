"""A judge as a reward: success ends the episode."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards.base import Reward, Transition, Verdict
from sim_eval.rewards.judges import Clip, Confusion, Judge, JudgeHead, ReasonerJudge, check_threshold

REASONER = "reasoner"
NOT_MEASURED = "not measured on labelled roll-outs"


class JudgeReward(Reward):
    """Terminates with reward 1 where the judge gives success at least `threshold`; else the reward is 0.

    judge: "reasoner", the path of a head that ``cosmos-policy judge --train`` wrote, or a ``Judge``.
    question, sees: the reasoner's. measured: the judge's confusion (a ``Confusion``, or the path of the JSON that
    ``cosmos-policy judge --output`` wrote): it is told in every ``info``, beside what the judge says.
    """

    name = "judge"

    def __init__(
        self,
        judge: str | os.PathLike[str] | Judge = REASONER,
        threshold: float = 0.5,
        measured: Confusion | str | os.PathLike[str] | None = None,
        **reasoner: Any,
    ) -> None:
        self.judge_of_clips, self._threshold = make_judge(judge, **reasoner), check_threshold(threshold)
        self._told = NOT_MEASURED if measured is None else _confusion(measured).describe()

    def judge(self, transitions: Sequence[Transition], goals: Sequence[Any], model: WorldActionModel) -> list[Verdict]:
        clips = [Clip(_shown(one), one.instruction, one.embodiment.fps) for one in transitions]
        return [self._verdict(chance) for chance in self.judge_of_clips.probabilities(clips, model)]

    def _verdict(self, chance: float) -> Verdict:
        yes = chance >= self._threshold
        return Verdict(float(yes), yes, success=yes, info={"probability": float(chance), "judge": self._told})


def _shown(transition: Transition) -> np.ndarray:
    """What a judge is shown: how the world began, then the step."""
    begun = [] if transition.first is None else [transition.first[None]]
    return np.concatenate([*begun, transition.frames])


def make_judge(judge: str | os.PathLike[str] | Judge, **reasoner: Any) -> Judge:
    """A judge from itself, "reasoner" (with its arguments), or the file of a trained head."""
    if judge != REASONER and reasoner:
        raise UsageError(f"{', '.join(reasoner)} belong to the reasoner; this judge is {judge}.")
    if isinstance(judge, Judge):
        return judge
    return ReasonerJudge(**reasoner) if judge == REASONER else JudgeHead.load(judge)


def _confusion(measured: Confusion | str | os.PathLike[str]) -> Confusion:
    if isinstance(measured, Confusion):
        return measured
    try:
        facts: Mapping[str, Any] = json.loads(Path(measured).read_text())
        return Confusion.from_json(facts["confusion"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{measured} holds no confusion of a judge ({error}); cosmos-policy judge --output writes it."
        ) from None
