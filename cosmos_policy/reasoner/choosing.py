"""Which of a few words the reasoner would begin its answer with, and how sure it is: nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from cosmos_policy.errors import UsageError


def first_tokens(tokenizer: Any, choices: Sequence[str]) -> list[int]:
    """The token that an answer of each choice begins with; a :class:`UsageError` where two begin alike."""
    ids = [tokenizer.encode(choice, add_special_tokens=False)[0] for choice in choices]
    for index, token in enumerate(ids):
        if token in ids[:index]:
            raise UsageError(
                f"The choices {choices[ids.index(token)]!r} and {choices[index]!r} begin with the same token, and the "
                "first token decides: choose words that begin differently (such as Yes and No)."
            )
    return ids


def weigh(logits: torch.Tensor, tokens: Sequence[int]) -> tuple[list[float], float]:
    """(probability of each token among `tokens`, share of all probability that they have together).

    logits: [vocabulary], as the network gives them: no temperature, no penalty.
    """
    likely = torch.softmax(logits.double(), dim=-1)[list(tokens)]
    share = float(likely.sum())
    among = torch.softmax(logits.double()[list(tokens)], dim=-1)
    return among.tolist(), share
