"""Inside the worker: the model, and requests in plain maps answered in plain maps."""

from __future__ import annotations

import importlib
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import embodiments
from cosmos_policy.errors import Cancelled, DeviceLost, Failure
from cosmos_policy.server.worker.framing import ChannelClosed
from cosmos_policy.types import Observation
from cosmos_policy.wire.contract import contract_hash, describe_embodiment
from cosmos_policy.wire.messages import CALLS, Call, decode_request, encode_answer
from cosmos_policy.world_action_model import WorldActionModel

logger = logging.getLogger(__name__)
WARM_UP_INSTRUCTION = "warm up"
#: (what a call says on its way, which of the requests it is about)
Tell = Callable[..., None]
#: (which request, its outcome)
Answered = Callable[[int, Mapping[str, Any]], None]


class StartError(Exception):
    """The model could not be loaded or warmed up; `usage` where something was asked that cannot be."""

    def __init__(self, message: str, usage: bool):
        super().__init__(message)
        self.usage = usage


class FatalDeviceError(RuntimeError):
    """The device is in a state from which this process cannot recover."""


class Runner:
    """A warm model. `settings`: plain values, as the supervisor sends them."""

    def __init__(self, settings: Mapping[str, Any]):
        started = time.monotonic()
        self._latency_s = settings["inject_latency_ms"] / 1e3
        try:
            asked = embodiments.get(settings["embodiment"])
            self.model = _load(settings)
            self.embodiment = self.model.embodiment_for(asked)
            self._warm_up(settings)
        except (ValueError, Failure) as error:
            if isinstance(error, ValueError) and not _ours(error):
                logger.exception("the model could not be loaded")
                raise StartError("The model could not be loaded; the log says why.", usage=False) from error
            raise StartError(str(error), usage=isinstance(error, ValueError)) from error
        except Exception as error:
            logger.exception("the model could not be loaded")
            raise StartError(
                f"The model could not be loaded ({type(error).__name__}); the log says why.", usage=False
            ) from error
        self.load_s = time.monotonic() - started

    def describe(self) -> dict[str, Any]:
        """What the server tells its clients: the model, the robot, the sampling."""
        robot = describe_embodiment(self.embodiment)
        info = asdict(self.model.info)
        return {
            "model": info,
            "embodiment": robot,
            "contract_sha256": contract_hash(robot),
            "sampling": asdict(self.model.sampling_for(self.embodiment)),
            "load_s": self.load_s,
            "guardrails": getattr(self.model, "guardrails", "missing"),
            "calls": [call.name for call in CALLS.values() if _has(self.model, call)],
            "together": [call.name for call in CALLS.values() if hasattr(self.model, f"follow_{call.name}_together")],
        }

    def answer(
        self,
        call_name: str,
        messages: Sequence[Mapping[str, Any]],
        tell: Tell,
        answered: Answered = lambda part, outcome: None,
    ) -> list[dict[str, Any]]:
        """For each request ``{"answer": ...}`` or ``{"error": sentence, "usage": bool}``; one never spoils another.

        tell: takes what a call that follows says on its way (a plain map, and the request's place); may raise
        :class:`Cancelled`, and the answer is ``{"cancelled": True}`` then. answered: takes, of several requests that
        are followed together, each answer as it is complete.
        """
        call = CALLS[call_name]
        answers: list[dict[str, Any]] = [{} for _ in messages]
        requests: dict[int, Any] = {}
        for index, message in enumerate(messages):
            try:
                requests[index] = self._typed(call, message)
            except ValueError as error:
                answers[index] = {"error": str(error), "usage": True}
        if len(requests) > 1 and hasattr(self.model, f"follow_{call.name}_together"):
            outcomes = self._follow_together(call, requests, tell, answered)
        elif call.follows:
            outcomes = {
                index: self._follow(call, request, partial(tell, part=index)) for index, request in requests.items()
            }
        else:
            outcomes = self._compute(call_name, requests)
        for index, outcome in outcomes.items():
            answers[index] = outcome
        if self._latency_s:
            time.sleep(self._latency_s)
        return answers

    def device_memory(self) -> dict[str, int]:
        """Bytes on the GPU by kind; empty without one."""
        torch = sys.modules.get("torch")
        if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
            return {}
        return {
            "allocated": torch.cuda.memory_allocated(),
            "reserved": torch.cuda.memory_reserved(),
            "peak": torch.cuda.max_memory_allocated(),
        }

    def _typed(self, call: Call, message: Mapping[str, Any]) -> Any:
        request = decode_request(call, message)
        return replace(request, embodiment=self.embodiment) if hasattr(request, "embodiment") else request

    def _follow(self, call: Call, request: Any, tell: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
        """One request of a call that tells of its progress."""
        try:
            tell({})  # whoever asked may have gone while it waited
            return {"answer": encode_answer(getattr(self.model, f"follow_{call.name}")(request, tell))}
        except Cancelled:
            return {"cancelled": True}
        except ChannelClosed:
            raise
        except Exception as error:
            return self._failure(error)

    def _follow_together(
        self, call: Call, requests: Mapping[int, Any], tell: Tell, answered: Answered
    ) -> dict[int, dict[str, Any]]:
        """Several requests at once, each of which tells, is stopped, fails and is answered by itself."""
        places, outcomes = list(requests), {}

        def take(place: int, answer: Any) -> None:
            index = places[place]
            if isinstance(answer, Cancelled):
                outcomes[index] = {"cancelled": True}
            elif isinstance(answer, Exception):
                outcomes[index] = self._failure(answer)
            else:
                outcomes[index] = {"answer": encode_answer(answer)}
            answered(index, outcomes[index])

        follow = getattr(self.model, f"follow_{call.name}_together")
        try:
            follow(list(requests.values()), lambda place, event: tell(event, places[place]), take)
        except ChannelClosed:
            raise
        except Exception as error:
            failure = self._failure(error)
            return {index: outcomes.get(index, failure) for index in places}
        return outcomes

    def _compute(self, call: str, requests: dict[int, Any]) -> dict[int, dict[str, Any]]:
        if not requests:
            return {}
        try:
            answers = getattr(self.model, call)(list(requests.values()))
            return {index: {"answer": encode_answer(found)} for index, found in zip(requests, answers, strict=True)}
        except Exception as error:
            if len(requests) > 1 and not _fatal(error):
                return {
                    index: outcome
                    for key, request in requests.items()
                    for index, outcome in self._compute(call, {key: request}).items()
                }
            return {index: self._failure(error) for index in requests}

    def _failure(self, error: Exception) -> dict[str, Any]:
        if isinstance(error, ValueError) and _ours(error):
            return {"error": str(error), "usage": True}
        logger.exception("a request failed in the model")
        if _fatal(error):
            raise FatalDeviceError(str(error)) from error
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(error, torch.cuda.OutOfMemoryError):
            torch.cuda.empty_cache()
            return {"error": "The device has not enough free memory for this request: ask for less.", "usage": False}
        if isinstance(error, Failure):
            return {"error": str(error), "usage": False}
        return {"error": "The model failed on this request; the server's log says why.", "usage": False}

    def _warm_up(self, settings: Mapping[str, Any]) -> None:
        """Whatever compiles, captures and chooses kernels does it now; then the model has answered at least once."""
        if hasattr(self.model, "warm_up"):
            options = {"batch_sizes": settings["warm_up_batches"], "instructions": settings["warm_up_instructions"]}
            calls = getattr(self.model, "calls", ("policy",))
            # what cannot act is made ready for what it can
            options["calls"] = settings["warm_up_calls"] or ("policy" if "policy" in calls else calls[0],)
            seconds = self.model.warm_up(self.embodiment, **options)
            logger.info("warmed up for %s in %.1f s", self.embodiment.name, seconds)
        else:
            example = self.embodiment.example_observation(seed=0)
            observation = Observation(example["images"], example["state"])
            self.model.policy(observation, WARM_UP_INSTRUCTION, embodiment=self.embodiment)


def _load(settings: Mapping[str, Any]) -> WorldActionModel:
    module, _, function = settings["loader"].partition(":")
    if settings["threads"]:
        import torch

        torch.set_num_threads(settings["threads"])
    return getattr(importlib.import_module(module), function)(**settings["options"])


def _has(model: WorldActionModel, call: Call) -> bool:
    if call.name not in getattr(model, "calls", CALLS):
        return False
    return not call.follows or hasattr(model, f"follow_{call.name}")


def _ours(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("cosmos_policy", "embodiments")


def _fatal(error: Exception) -> bool:
    return isinstance(error, DeviceLost) or (isinstance(error, RuntimeError) and "CUDA error" in str(error))
