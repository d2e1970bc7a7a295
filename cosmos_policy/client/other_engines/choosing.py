"""Which of several answers is likeliest, from the likelihoods that a server tells of its first token."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cosmos_policy.errors import Failure, UsageError

#: The most likelihoods that vLLM tells of one token, unless its operator allowed more.
MOST_LIKELIHOODS = 20
#: What a request asks for. Likelihoods are told as they are before temperature and penalties.
FIELDS = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": MOST_LIKELIHOODS}


def weigh_choices(
    choices: Sequence[str], choice: Mapping[str, Any], name: str
) -> tuple[dict[str, float], dict[str, Any]]:
    """(choice -> its probability among them, what to know of it), by the token that each begins with.

    A choice whose first token is not listed is less likely than every listed one, and counts as 0: it is named under
    "choices_not_listed". Raises :class:`Failure` where none is listed.
    """
    listed = _first_token(choice, name)
    begins = {text: _longest(text, listed) for text in choices}
    found = {text: token for text, token in begins.items() if token is not None}
    if not found:
        raise Failure(
            f"None of the choices is among the {len(listed)} likeliest first tokens that {name} told, so their "
            "probabilities are not known."
        )
    if len(set(found.values())) < len(found):
        raise UsageError(f"Some of the choices {', '.join(map(repr, found))} begin with the same token.")
    share = sum(listed[token] for token in found.values())
    probabilities = {text: listed[found[text]] / share if text in found else 0.0 for text in choices}
    missing = [text for text in choices if text not in found]
    return probabilities, {"choices_share": share, "choices_not_listed": missing}


def _first_token(choice: Mapping[str, Any], name: str) -> dict[str, float]:
    """token -> probability."""
    try:
        told = choice["logprobs"]["content"][0]["top_logprobs"]
        return {str(each["token"]): math.exp(each["logprob"]) for each in told}
    except (KeyError, IndexError, TypeError):
        raise Failure(f"{name} told no likelihoods of the first token, which choices need.") from None


def _longest(text: str, tokens: Mapping[str, float]) -> str | None:
    """The longest token that `text` begins with, as a tokenizer takes it."""
    return max((token for token in tokens if token and text.startswith(token)), key=len, default=None)
