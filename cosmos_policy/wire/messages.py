"""The typed requests and answers as plain maps, and back.

One table says what each field of a request may hold; client, REST and WebSocket all go through it. A field that is not
in the table is refused: nothing is sent and never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.types import (
    ActionChunk,
    ForwardDynamicsRequest,
    GenerateRequest,
    InverseDynamicsRequest,
    Media,
    PolicyRequest,
    ReasonRequest,
    Reply,
    Rollout,
)
from cosmos_policy.wire.readers import GENERATE_READERS, READERS, REASON_READERS, Reader, kind_of

Answer = ActionChunk | Rollout | Reply | Media
_FILLED = ("embodiment", "instruction", "seed")


@dataclass(frozen=True)
class Call:
    """One call of a world-action model: its name in URLs and methods, its request and its answer.

    follows: whether it tells of its progress and can be stopped on the way. The model answers one request of such a
    call at a time, through its method ``follow_<name>(request, tell)``. readers: of fields that mean something else
    in this call than in the others.
    """

    name: str
    request: type
    answer: type
    follows: bool = False
    readers: Mapping[str, Reader] = field(default_factory=dict)

    def read(self, name: str, value: Any) -> Any:
        """The field `name` of a request, checked."""
        return self.readers.get(name, READERS[name])(value, name)

    @property
    def path(self) -> str:
        return self.name.replace("_", "-")


CALLS = {
    call.name: call
    for call in (
        Call("policy", PolicyRequest, ActionChunk),
        Call("inverse_dynamics", InverseDynamicsRequest, ActionChunk),
        Call("forward_dynamics", ForwardDynamicsRequest, Rollout),
        Call("reason", ReasonRequest, Reply, follows=True, readers=REASON_READERS),
        Call("generate", GenerateRequest, Media, follows=True, readers=GENERATE_READERS),
    )
}


def encode_request(request: Any) -> dict[str, Any]:
    """A typed request as a map; the embodiment goes by its name, and what is None is left out.

    But for an observation's state: None says that nobody knows it, so that actions are wanted and no commands.
    """
    message: dict[str, Any] = {}
    for each in fields(request):
        value = getattr(request, each.name)
        if each.name == "embodiment" and not isinstance(value, str):
            value = value.name
        if is_dataclass(value) and not isinstance(value, type):
            value = {name: part for name, part in vars(value).items() if part is not None or name == "state"}
        if value is not None:
            message[each.name] = value
    return message


def decode_request(call: Call, message: Any) -> Any:
    """The typed request in a map. Raises :class:`UsageError` in one sentence for anything that does not fit.

    ``seed``, ``instruction`` and ``embodiment`` may be missing: they are None then, and whoever holds the session fills
    them in.
    """
    if not isinstance(message, Mapping):
        raise UsageError(f"A {call.name} request must be a map of fields, not {kind_of(message)}.")
    known = {each.name: each for each in fields(call.request)}
    strangers = [str(name)[:60] for name in message if name not in known]
    if strangers:
        raise UsageError(
            f"A {call.name} request has no field {', '.join(map(repr, strangers[:5]))}; it takes {', '.join(known)}."
        )
    values: dict[str, Any] = {}
    for name, each in known.items():
        value = message.get(name)
        if value is not None:
            values[name] = call.read(name, value)
        elif each.default is MISSING and each.default_factory is MISSING and name not in _FILLED:
            raise UsageError(f"A {call.name} request needs the field {name!r}.")
    for name in _FILLED:
        if name in known:
            values.setdefault(name, None)
    return call.request(**values)


def encode_answer(answer: Answer) -> dict[str, Any]:
    """An answer as a map; numbers stay exactly as they are."""
    return {name: _plain(value) for name, value in vars(answer).items() if value is not None}


def decode_answer(call: Call, message: Mapping[str, Any]) -> Answer:
    """The answer in a map that :func:`encode_answer` made."""
    bare = {each.name for each in fields(call.answer) if each.default is MISSING and each.default_factory is MISSING}
    known = {each.name for each in fields(call.answer)}
    # What is None does not travel.
    values = dict.fromkeys(bare) | {name: value for name, value in message.items() if name in known}
    info = dict(values.get("info", {}))
    if isinstance(info.get("sampling"), Mapping):
        info["sampling"] = call.read("sampling", info["sampling"])
    values["info"] = info
    return call.answer(**values)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) for name, part in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
