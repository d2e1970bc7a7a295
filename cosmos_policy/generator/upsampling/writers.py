"""Who writes captions: the reasoner beside the generator, or any OpenAI-compatible endpoint."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import ReasonSampling

logger = logging.getLogger(__name__)
#: the documented sampling of NVIDIA's prompt upsampler
SAMPLING = ReasonSampling(
    temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.0, presence_penalty=1.5, frequency_penalty=0.0
)
SEED, MAX_TOKENS = 3407, 20_000
#: settings that OpenAI's own API does not know; servers of open models do
NOT_OPENAIS = ("top_k", "repetition_penalty")


@dataclass(frozen=True)
class Turn:
    """One turn of the conversation. role: "system", "user" or "assistant". image: uint8 [H, W, 3], before the text."""

    role: str
    text: str
    image: np.ndarray | None = None


class Writer(Protocol):
    """Answers a conversation."""

    def write(self, turns: Sequence[Turn]) -> str:
        """The next turn's text."""
        ...


class ReasonerWriter:
    """A model's own ``reason`` call. model: a :class:`~cosmos_policy.WorldActionModel` that has one."""

    def __init__(self, model: Any):
        self._model = model

    def write(self, turns: Sequence[Turn]) -> str:
        """The next turn's text."""
        messages = []
        for turn in turns:
            picture = [] if turn.image is None else [{"type": "image", "image": turn.image}]
            messages.append({"role": turn.role, "content": [*picture, {"type": "text", "text": turn.text}]})
        return self._model.reason(messages, sampling=SAMPLING, seed=SEED, max_tokens=MAX_TOKENS).text


class EndpointWriter:
    """``POST <url>/chat/completions``. url: up to and with ``/v1``. key: sent as a bearer token, or None."""

    def __init__(self, url: str, model: str, key: str | None = None, timeout_s: float = 600.0):
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url[:80]!r} is no endpoint; expected a URL such as http://127.0.0.1:8000/v1.")
        self._url, self._model, self._key, self._timeout_s = url.rstrip("/"), model, key, timeout_s

    def write(self, turns: Sequence[Turn]) -> str:
        """The next turn's text."""
        settings = {name: value for name, value in vars(SAMPLING).items() if value is not None}
        body = {
            "model": self._model,
            "messages": [{"role": turn.role, "content": _content(turn)} for turn in turns],
            "seed": SEED,
            "max_tokens": MAX_TOKENS,
            **settings,
        }
        answer = self._post(body)
        if answer.status_code in (400, 422) and any(name in answer.text for name in NOT_OPENAIS):
            logger.warning("%s knows no %s: it writes without.", self._url, " and no ".join(NOT_OPENAIS))
            answer = self._post({name: value for name, value in body.items() if name not in NOT_OPENAIS})
        if answer.status_code != 200:
            raise Failure(f"{self._url} answered {answer.status_code} to the prompt upsampler: {answer.text[:200]}")
        try:
            text = answer.json()["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            raise Failure(f"{self._url} did not answer as a chat endpoint does: {answer.text[:200]}")
        return text

    def _post(self, body: dict[str, Any]):
        import httpx

        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        try:
            return httpx.post(f"{self._url}/chat/completions", json=body, headers=headers, timeout=self._timeout_s)
        except httpx.HTTPError as error:
            raise Failure(f"{self._url} cannot be reached for prompt upsampling ({type(error).__name__}).") from error


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    if turn.image is None:
        return turn.text
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(turn.image).save(buffer, format="PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": turn.text}]
