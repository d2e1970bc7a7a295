"""The reasoner behind ``/v1/chat/completions``, as vLLM serves it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from cosmos_policy.client.connection import ServerRefusal
from cosmos_policy.client.other_engines.choosing import FIELDS, weigh_choices
from cosmos_policy.client.other_engines.conversation import as_openai, shows_a_video
from cosmos_policy.client.other_engines.endpoint import Endpoint
from cosmos_policy.errors import Failure
from cosmos_policy.reasoner.clips import VIDEO_FPS
from cosmos_policy.reasoner.defaults import sampling_for
from cosmos_policy.reasoner.thoughts import THINK_FIRST, Thoughts
from cosmos_policy.types import ReasonRequest, Reply, ReplyDelta

PATH = "/v1/chat/completions"


class Chat:
    """Conversations with one model. model: its name there. about: what answers say of their origin.
    own_server: whether it is this software's own, which has words of its own for a few things."""

    def __init__(self, endpoint: Endpoint, model: str, about: Mapping[str, Any], own_server: bool):
        self._endpoint, self._model, self._about, self._own_server = endpoint, model, about, own_server

    def answer(self, request: ReasonRequest) -> Reply:
        """The whole reply."""
        began_s = time.perf_counter()
        body = self._body(request)
        if request.choices:
            body |= FIELDS
        answer = self._endpoint.json("POST", PATH, json=body)
        choice = _only_choice(answer, self._endpoint.address)
        if request.choices:
            return self._chosen(request, choice, answer, began_s)
        message = choice.get("message") or {}
        thoughts, said = Thoughts(), message.get("content") or ""
        told = message.get("reasoning_content") or message.get("reasoning")
        if told is None:
            thoughts.add(said, last=True)
            said, told = thoughts.answer, thoughts.thoughts
        return self._reply(request, said, told, choice, answer.get("usage"), began_s)

    def stream(self, request: ReasonRequest) -> Iterator[ReplyDelta | Reply]:
        """What is said by and by, and at last the whole reply. Closing the iterator stops the server."""
        if request.choices:
            yield self.answer(request)
            return
        began_s = time.perf_counter()
        body = {**self._body(request), "stream": True, "stream_options": {"include_usage": True}}
        said, told, thoughts = "", None, Thoughts()
        end, usage, first_ms = {}, None, None
        with self._endpoint.events(PATH, body) as events:
            for event in events:
                if event == "[DONE]":
                    break
                chunk = self._event(event)
                usage = chunk.get("usage") or usage
                for choice in chunk.get("choices") or ():
                    delta = choice.get("delta") or {}
                    thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
                    told = told if not thought else (told or "") + thought
                    part = thoughts.add(delta.get("content") or "") if delta.get("content") else ReplyDelta()
                    if choice.get("finish_reason"):
                        end = choice
                    if thought or part.text or part.reasoning:
                        first_ms = first_ms or 1e3 * (time.perf_counter() - began_s)
                        yield ReplyDelta(part.text, thought + part.reasoning)
        if not end:
            raise Failure(f"{self._endpoint.address} ended its answer on the way.")
        rest = thoughts.add("", last=True)
        if rest.text or rest.reasoning:
            yield rest
        said, told = thoughts.answer, told if told is not None else thoughts.thoughts
        yield self._reply(request, said, told, end, usage, began_s, first_ms)

    def _body(self, request: ReasonRequest) -> dict[str, Any]:
        """Every setting said aloud: no server's own default decides."""
        settings = sampling_for(request.reasoning, request.sampling)
        messages = as_openai(request.messages)
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            **{name: value for name, value in asdict(settings).items() if name != "top_k"},
            "top_k": settings.top_k or -1,
        }
        if request.stop:
            body["stop"] = list(request.stop)
        if request.reasoning:
            body |= {"reasoning": True} if self._own_server else {"messages": _thinking_first(messages)}
        if shows_a_video(messages):
            body |= self._looking(request)
        return body

    def _looking(self, request: ReasonRequest) -> dict[str, Any]:
        """How many frames of a video are looked at."""
        if request.all_frames:
            asked: dict[str, Any] = {"do_sample_frames": False}
        else:
            asked = {"fps": request.video_fps or VIDEO_FPS, "do_sample_frames": True}
        if self._own_server:
            return {"mm_processor_kwargs": asked}
        # vLLM would otherwise take 32 frames of any video, before its processor sees them.
        return {"mm_processor_kwargs": asked, "media_io_kwargs": {"video": {"num_frames": -1}}}

    def _event(self, text: str) -> Mapping[str, Any]:
        try:
            chunk = json.loads(text)
        except ValueError:
            raise Failure(f"{self._endpoint.address} sent an event that is no JSON.") from None
        if isinstance(chunk, Mapping) and "error" in chunk:
            error = chunk["error"] if isinstance(chunk["error"], Mapping) else {"message": chunk["error"]}
            raise ServerRefusal(str(error.get("message")), str(error.get("code", "failed")))
        return chunk if isinstance(chunk, Mapping) else {}

    def _chosen(
        self, request: ReasonRequest, choice: Mapping[str, Any], answer: Mapping[str, Any], began_s: float
    ) -> Reply:
        """The likeliest of the request's choices."""
        probabilities, facts = weigh_choices(request.choices, choice, self._endpoint.address)
        likeliest = max(probabilities, key=probabilities.get)
        reply = self._reply(request, likeliest, None, {"finish_reason": "stop"}, answer.get("usage"), began_s)
        return replace(reply, choices=probabilities, info={**reply.info, **facts})

    def _reply(
        self,
        request: ReasonRequest,
        said: str,
        thoughts: str | None,
        choice: Mapping[str, Any],
        usage: Mapping[str, Any] | None,
        began_s: float,
        first_ms: float | None = None,
    ) -> Reply:
        usage = usage or {}
        ended, details = choice.get("stop_reason"), usage.get("completion_tokens_details") or {}
        total_ms = 1e3 * (time.perf_counter() - began_s)
        return Reply(
            text=said,
            reasoning=thoughts,
            finish_reason=str(choice.get("finish_reason") or "stop"),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
            reasoning_tokens=int(details.get("reasoning_tokens") or 0),
            stop=ended if isinstance(ended, str) else None,
            timing={"total": total_ms, **({} if first_ms is None else {"first_token": first_ms})},
            info={**self._about, "seed": request.seed, "sampling": sampling_for(request.reasoning, request.sampling)},
        )


def _only_choice(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], Mapping):
        raise Failure(f"{name} sent no chat completion with one choice.")
    return choices[0]


def _thinking_first(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`messages` whose last one asks for the thoughts, in the words of training."""
    *before, last = messages
    content = last["content"]
    if isinstance(content, str):
        return [*before, {**last, "content": f"{content}\n\n{THINK_FIRST}"}]
    return [*before, {**last, "content": [*content, {"type": "text", "text": f"\n\n{THINK_FIRST}"}]}]
