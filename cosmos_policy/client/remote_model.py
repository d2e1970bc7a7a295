"""``cosmos_policy.connect``: the calls of a world-action model, computed by a server."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import embodiments
from cosmos_policy.client.connection import Connection, Patience, as_error
from cosmos_policy.client.conversations import with_local_files
from cosmos_policy.client.other_engines import SCHEMES, open_engine, scheme_of
from cosmos_policy.client.other_engines.options import EngineOptions
from cosmos_policy.errors import UsageError
from cosmos_policy.types import (
    ActionChunk,
    ForwardDynamicsRequest,
    GenerateRequest,
    InverseDynamicsRequest,
    Media,
    Observation,
    PolicyRequest,
    ReasonRequest,
    Reply,
    ReplyDelta,
    Rollout,
    Sampling,
)
from cosmos_policy.wire.contract import PROTOCOL, describe_embodiment, require_agreement
from cosmos_policy.wire.messages import CALLS, Answer, decode_answer, encode_request
from cosmos_policy.wire.readers import read_sampling
from cosmos_policy.world_action_model import ModelInfo, OnStep, WorldActionModel
from embodiments import Embodiment


def connect(
    url: str,
    *,
    api_key: str | None = None,
    embodiment: Any = None,
    deadline_ms: float | None = None,
    timeout_s: float = 60.0,
    connect_timeout_s: float = 10.0,
    certificate_file: str | None = None,
    like: str | None = None,
) -> WorldActionModel:
    """Connect to a server; the model that comes back is called like one from :func:`cosmos_policy.load`.

    url: "ws://host:port" ("wss", "http" and "https" too), or another engine: "vllm-omni+http://host:port" for actions,
        pictures and words, "vllm+http://host:port" for words (both with https too). api_key: where the server wants
        one.
    embodiment: name or object; where it is given, its contract with the server is checked now, else at its first call.
    deadline_ms: from the capture of an observation, milliseconds within which its answer is of use: what cannot make it
        is refused and not computed. None takes the server's setting.
    timeout_s: for one answer. connect_timeout_s: for a connection, tries with growing pauses included.
    certificate_file: the authority to trust for wss, where it is not a public one.
    like: for another engine, whose server does not say how its checkpoint was trained: the known checkpoint whose
        prompt, sampling and normalisers it has, where its name does not tell.
    Raises ``ServerUnreachable`` where nobody answers, and :class:`UsageError` in one sentence where the two sides
    do not agree.
    """
    patience = Patience(connect_timeout_s, timeout_s)
    if (named := scheme_of(url)) is not None:
        engine, address = named
        if engine not in SCHEMES:
            known = ", ".join(f"{name}+http" for name in SCHEMES)
            raise UsageError(f"{url!r} names an engine that is not known here; expected ws, wss, http, https, {known}.")
        options = EngineOptions(address, api_key, patience, deadline_ms, certificate_file, embodiment, like)
        return open_engine(engine, options)
    if like is not None:
        raise UsageError("like is for other engines: a cosmos-policy server knows its checkpoint. Leave it out.")
    connection = Connection(url, api_key, patience, certificate_file)
    model = RemoteModel(connection, deadline_ms)
    if embodiment is not None:
        model.check(embodiment)
    return model


def is_address(name: str) -> bool:
    """Whether `name` is a server's for :func:`connect`, and not a checkpoint's for :func:`cosmos_policy.load`."""
    return "://" in name


class RemoteModel(WorldActionModel):
    """A model at the other end of a wire. Made by :func:`cosmos_policy.connect`."""

    def __init__(self, connection: Connection, deadline_ms: float | None = None):
        self._connection, self._deadline_ms = connection, deadline_ms
        self._session_id = uuid.uuid4().hex
        self._agreed: dict[str, Embodiment] = {}
        self._reset_next = False
        self.contract: Mapping[str, Any] = connection.get("/info")
        """What the server says at ``/info``: the embodiment, its units, shapes and views, the model and its hashes."""
        if self.contract.get("protocol") != PROTOCOL:
            raise UsageError(
                f"{connection.address} speaks version {self.contract.get('protocol')} of the protocol, this client "
                f"version {PROTOCOL}: install the same version on both sides."
            )
        told = dict(self.contract["model"])
        known = {field.name for field in fields(ModelInfo)}
        told["sampling"] = read_sampling(told["sampling"], "sampling")
        told["notes"] = tuple(told["notes"])
        self.info = ModelInfo(**{name: value for name, value in told.items() if name in known})

    def check(self, embodiment: Any) -> Embodiment:
        """Compare the robot here with the one that the server serves; raise one sentence where they differ."""
        known = self._agreed.get(embodiment) if isinstance(embodiment, str) else embodiment
        if known is None:
            known = embodiments.get(embodiment)
        if self._agreed.get(known.name) is not known:
            ours = embodiments.get(known.name) if known.name in embodiments.names() else None
            require_agreement(
                describe_embodiment(known),
                self.contract["embodiment"],
                self._connection.address,
                own_normalizer=ours is None or ours.normalizer is not known.normalizer,
                own_chunk_size=ours is None or ours.chunk_size != known.chunk_size,
            )
            # Later calls by the same name or object cost nothing: reading robots from disk takes milliseconds.
            self._agreed[known.name] = known
            if isinstance(embodiment, str):
                self._agreed[embodiment] = known
        return known

    def contract_for(self, embodiment: Any) -> Mapping[str, Any]:
        """The contract, whoever asks: the server serves one robot."""
        return self.contract

    def embodiment_for(self, embodiment: Any) -> Embodiment:
        """The embodiment, with the chunk size of the checkpoint that the server holds; both sides must agree on it."""
        return replace(self.check(embodiment), chunk_size=self.contract["embodiment"]["chunk_size"])

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """`sampling` with every None filled in, as the server would run a call with this embodiment."""
        self.check(embodiment)
        return (sampling or Sampling()).over(read_sampling(self.contract["sampling"], "sampling"))

    def reset(self) -> None:
        """A new episode: the server forgets this session's instruction and last chunk with the next request."""
        self._reset_next = True

    def continue_policy(
        self,
        observation: Observation,
        instruction: str,
        *,
        embodiment: Any,
        executed_steps: int | None = None,
        prefix_steps: int | None = None,
        prefix_ms: float | None = None,
        history_steps: int | None = None,
        **options: Any,
    ) -> ActionChunk:
        """``policy``, going on from the last chunk of this session, whose rows the server remembers.

        executed_steps: rows of that chunk that were executed when the observation was captured; None: they follow from
            the two observations' stamps. prefix_steps: rows after those that will be executed while this is computed:
            the new chunk begins with them. prefix_ms: the same as a time from the observation on. history_steps: so
            many executed rows of this episode are told to the model. options: as in :class:`PolicyRequest`.
        Rows of your own go into ``policy(..., prefix=..., history=...)``, as with a local model.
        """
        asked = {
            "executed_steps": executed_steps,
            "prefix_steps": prefix_steps,
            "prefix_ms": prefix_ms,
            "history_steps": history_steps,
        }
        first = {"observation": observation, "instruction": instruction, "embodiment": embodiment}
        onwards = {name: value for name, value in asked.items() if value is not None}
        return self._dispatch(PolicyRequest, first, options, lambda requests: self._run("policy", requests, onwards))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return self._run("policy", requests)

    def _run_inverse_dynamics(self, requests: Sequence[InverseDynamicsRequest]) -> list[ActionChunk]:
        return self._run("inverse_dynamics", requests)

    def _run_forward_dynamics(self, requests: Sequence[ForwardDynamicsRequest]) -> list[Rollout]:
        return self._run("forward_dynamics", requests)

    def _run_reason(self, requests: Sequence[ReasonRequest]) -> list[Reply]:
        return self._run("reason", [_travelling(request) for request in requests])

    def _stream_reason(self, request: ReasonRequest) -> Iterator[ReplyDelta | Reply]:
        for said in self._follow("reason", [_travelling(request)]):
            if isinstance(said, list):
                yield said[0]
            else:
                yield ReplyDelta(**said[1])

    def _run_generate(self, requests: Sequence[GenerateRequest], on_step: OnStep | None) -> list[Media]:
        done = [0] * len(requests)
        steps = [0] * len(requests)
        for said in self._follow("generate", requests):
            if isinstance(said, list):
                return said
            index, event = said
            done[index], steps[index] = event["step"], event["steps"]
            if on_step is not None:  # of requests that are computed one after the other, each with steps of its own
                on_step(sum(done), max(sum(steps), event["steps"] * len(requests)))
        raise AssertionError("the answers come last")

    def _follow(self, name: str, requests: Sequence[Any]) -> Iterator[tuple[int, Mapping[str, Any]] | list[Any]]:
        """(request's index, what it says) by and by, and the list of answers at last."""
        started = time.perf_counter()
        with contextlib.closing(self._connection.follow(self._message(name, requests))) as replies:
            for reply in replies:
                self._reset_next = False
                if "event" in reply:
                    yield reply["index"], reply["event"]
                else:
                    yield self._answers(name, reply["answers"], started)

    def _run(self, name: str, requests: Sequence[Any], more: Mapping[str, Any] = MappingProxyType({})) -> list[Any]:
        """One message for all of them, so that the server can compute them together; the first failure is raised."""
        started = time.perf_counter()
        answers = self._connection.exchange(self._message(name, requests, more))
        self._reset_next = False
        return self._answers(name, answers, started)

    def _message(
        self, name: str, requests: Sequence[Any], more: Mapping[str, Any] = MappingProxyType({})
    ) -> dict[str, Any]:
        for request in requests:
            if hasattr(request, "embodiment"):
                self.check(request.embodiment)
        message: dict[str, Any] = {
            "call": name,
            "requests": [encode_request(request) for request in requests],
            "session_id": self._session_id,
            **more,
        }
        if self._deadline_ms is not None:
            message["deadline_ms"] = self._deadline_ms
        if self._reset_next:
            message["reset"] = True
        return message

    def _answers(self, name: str, answers: Sequence[Mapping[str, Any]], started: float) -> list[Any]:
        round_trip_ms = 1e3 * (time.perf_counter() - started)
        return [self._decode(name, answer, round_trip_ms) for answer in answers]

    def _decode(self, name: str, answer: Mapping[str, Any], round_trip_ms: float) -> Answer:
        if "error" in answer:
            raise as_error(answer["error"])
        found = dict(answer["answer"])
        found["timing"] = {**found.get("timing", {}), "round_trip": round_trip_ms}
        return decode_answer(CALLS[name], found)


def _travelling(request: ReasonRequest) -> ReasonRequest:
    return replace(request, messages=with_local_files(request.messages))
