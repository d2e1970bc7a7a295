"""The checkpoint's own reasoner as a judge: a question about the last frame or the whole clip, Yes or No."""

from __future__ import annotations

from collections.abc import Sequence
from string import Formatter
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ReasonRequest
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards.judges.base import Clip, Judge

QUESTION = 'A robot was told: "{instruction}". Is that done at the end of what you see? Answer Yes or No.'
YES, NO = "Yes", "No"


class ReasonerJudge(Judge):
    """Asks ``model.reason``; the probability is that of Yes against No as the answer's first token.

    question: may hold "{instruction}". sees: "last" (the last frame, as a picture) or "clip" (all frames, as a video).
    reasoner: another model than the one that imagines, say a connection to a server; None takes that one.
    """

    def __init__(self, question: str = QUESTION, sees: str = "last", reasoner: WorldActionModel | None = None) -> None:
        if sees not in ("last", "clip"):
            raise UsageError(f"sees is {sees!r}; choose last (one picture) or clip (a video).")
        strangers = {field for _, field, _, _ in Formatter().parse(question) if field not in (None, "instruction")}
        if strangers:
            raise UsageError(f"The question fills in {{instruction}} alone, not {', '.join(sorted(strangers))}.")
        self._question, self._sees, self._reasoner = question, sees, reasoner
        self.name = f"reasoner, {sees}: {question}"

    def probabilities(self, clips: Sequence[Clip], model: WorldActionModel) -> list[float]:
        replies = (self._reasoner or model).reason([self._request(clip) for clip in clips])
        return [reply.choices[YES] for reply in replies]

    def _request(self, clip: Clip) -> ReasonRequest:
        shown: dict[str, Any] = {"type": "image", "image": clip.frames[-1]}
        if self._sees == "clip":
            shown = {"type": "video", "video": clip.frames, "fps": clip.fps}
        question = {"type": "text", "text": self._question.format(instruction=clip.instruction)}
        return ReasonRequest([{"role": "user", "content": [shown, question]}], choices=(YES, NO))
