"""Asking a task: the picture or video first, then the question; what cannot be read is asked for once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.clips import Looking
from cosmos_policy.reasoner.conversation import Reader, as_messages, read_conversation
from cosmos_policy.reasoner.sources import read_source
from cosmos_policy.reasoner.tasks import find_task
from cosmos_policy.reasoner.tasks.task import Ask, Scene, TaskAnswer, Unreadable
from cosmos_policy.types import ReasonRequest
from cosmos_policy.world_action_model import WorldActionModel

#: the system prompt, and the frames taken from a second of video, of the checkpoints' own examples
#: (reasoner_prompt_guide.md of NVIDIA/cosmos)
SYSTEM_PROMPT = "You are a helpful assistant."
VIDEO_FPS = 4.0


def run_task(
    model: WorldActionModel,
    name: str,
    shown: Mapping[str, Any],
    ask: Ask | None = None,
    *,
    read: Reader = read_source,
    **options: Any,
) -> TaskAnswer:
    """Ask `model` the task `name` about one picture or video.

    shown: a part of a message: {"type": "image", "image": ...} or {"type": "video", "video": ...} (see
        :class:`~cosmos_policy.types.ReasonRequest`, whose other fields are the `options`).
    Raises :class:`UsageError` where the question does not fit the task or what is shown. An answer that cannot be read
    after asking once more is no error: it comes as text, with the reason.
    """
    task, ask = find_task(name), ask or Ask()
    options.setdefault("reasoning", task.reasoning)
    fps = None if options.get("all_frames") else options.get("video_fps") or VIDEO_FPS
    user = {"role": "user", "content": [dict(shown)]}
    turns = read_conversation([{"role": "system", "content": SYSTEM_PROMPT}, user], Looking(fps=fps), read)
    if isinstance(turns[1].parts[0], str):
        raise UsageError(f"{name} is asked about a picture or a video; there is only text.")
    scene = Scene.of(turns[1].parts[0])
    task.check(ask, scene)
    messages = as_messages(turns)
    messages[1]["content"].append({"type": "text", "text": task.prompt(ask, scene)})
    request = ReasonRequest(messages, **options)
    replies = [model.reason(request)]
    problem = None
    for last in (False, True):
        try:
            value = task.parse(replies[-1].text, ask, scene)
        except Unreadable as unreadable:
            problem = f"The answer cannot be read: {unreadable}."
            if replies[-1].finish_reason == "length":
                problem += f" It was cut off at max_tokens ({request.max_tokens})."
            if not last:
                replies.append(model.reason(replace(request, messages=_again(messages, replies[-1].text, problem))))
            continue
        return TaskAnswer(name, value, replies[-1].text, replies[-1].reasoning, None, tuple(replies), scene)
    return TaskAnswer(name, None, replies[-1].text, replies[-1].reasoning, problem, tuple(replies), scene)


def _again(messages: list[dict[str, Any]], answer: str, problem: str) -> list[dict[str, Any]]:
    """The conversation with the answer that could not be read, and why."""
    words = f"{problem} Answer the same question again, in exactly the form that I asked for."
    said = {"role": "assistant", "content": answer or "(nothing)"}
    return [*messages, said, {"role": "user", "content": words}]
