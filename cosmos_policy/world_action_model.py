"""The one interface behind which a model lives: in this process, or at the other end of a wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import embodiments
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
    ReplyDelta,
    Rollout,
    Sampling,
)
from cosmos_policy.wire.contract import describe_embodiment
from embodiments import Embodiment

#: told after each denoising step: (steps done, steps in all)
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class ModelInfo:
    """What answers: enough to repeat a result.

    checkpoint: the name or path that was asked for. revision: its commit or content hash.
    engine: the code path that denoises. device, dtype: where and in what precision.
    sampling: the checkpoint's own defaults. versions: library -> version.
    notes: sentences that a reader of results must know (for instance that the weights are random).
    """

    checkpoint: str
    revision: str
    engine: str
    device: str
    dtype: str
    sampling: Sampling
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class WorldActionModel(ABC):
    """Cosmos 3 as a robot's programmer sees it.

    Every call takes its arguments as they are, or one typed request, or a list of requests (a list goes in, a list
    comes out, in order, batched where it can be). The same seed, inputs and checkpoint give the same answer, alone
    or in a batch. An implementation fills in the three ``_run_*`` hooks.
    """

    info: ModelInfo

    def policy(self, observation: Any, instruction: str | None = None, *, embodiment: Any = None, **options: Any):
        """What should the robot do next?

        observation: an :class:`~cosmos_policy.types.Observation` (then `instruction` and `embodiment` are needed, and
            `options` are the other fields of :class:`~cosmos_policy.types.PolicyRequest`), or a request, or a list.
        Returns an :class:`~cosmos_policy.types.ActionChunk`, or a list of them.
        Raises :class:`UsageError` (or ``embodiments.EmbodimentError``) in one sentence where the input does not fit.
        """
        first = {"observation": observation, "instruction": instruction, "embodiment": embodiment}
        return self._dispatch(PolicyRequest, first, options, self._run_policy)

    def inverse_dynamics(self, frames: Any, *, embodiment: Any = None, **options: Any):
        """Which actions connect these frames?

        frames: uint8 [T+1, H, W, 3] composed views, or an :class:`~cosmos_policy.types.InverseDynamicsRequest`, or a
            list of requests. Returns an :class:`~cosmos_policy.types.ActionChunk` (without commands unless `state`
            was given), or a list of them.
        """
        first = {"frames": frames, "embodiment": embodiment}
        return self._dispatch(InverseDynamicsRequest, first, options, self._run_inverse_dynamics)

    def forward_dynamics(self, frame: Any, actions: Any = None, *, embodiment: Any = None, **options: Any):
        """What will be seen when these actions are taken?

        frame: uint8 [H, W, 3] composed views, or a :class:`~cosmos_policy.types.ForwardDynamicsRequest`, or a list of
            requests. actions: [T, D], unified SI units. Returns a :class:`~cosmos_policy.types.Rollout`, or a list.
        """
        first = {"frame": frame, "actions": actions, "embodiment": embodiment}
        return self._dispatch(ForwardDynamicsRequest, first, options, self._run_forward_dynamics)

    def embodiment_for(self, embodiment: Any) -> Embodiment:
        """The robot as this model speaks it: with the normaliser and the chunk size that it was trained with.

        embodiment: a name, the path of a robot file, or an Embodiment. A model that was not trained takes it as it is.
        """
        return embodiments.get(embodiment) if isinstance(embodiment, str) else embodiment

    def contract_for(self, embodiment: Any) -> Mapping[str, Any]:
        """What both sides must agree on before a robot moves, under "embodiment" (:mod:`cosmos_policy.wire.contract`).

        A model that serves one robot tells that one's, whoever asks.
        """
        return {"embodiment": describe_embodiment(self.embodiment_for(embodiment))}

    def generate(self, prompt: Any, *, on_step: OnStep | None = None, **options: Any):
        """A picture, or a video with or without sound, from words and perhaps from pictures.

        prompt: words (`options` are the other fields of :class:`~cosmos_policy.types.GenerateRequest`), or a request,
            or a list of requests. Returns a :class:`~cosmos_policy.types.Media`, or a list of them.
        on_step: called with (steps done, steps in all) after each denoising step; what it raises stops the generation.
        """
        return self._dispatch(
            GenerateRequest, {"prompt": prompt}, options, lambda requests: self._run_generate(requests, on_step)
        )

    def reason(self, messages: Any, **options: Any):
        """What does the model say to a conversation with pictures and videos in it?

        messages: maps of role and content, as in :class:`~cosmos_policy.types.ReasonRequest` (`options` are its other
            fields), or a request, or a list of requests. Returns a :class:`~cosmos_policy.types.Reply`, or a list.
        """
        return self._dispatch(ReasonRequest, {"messages": messages}, options, self._run_reason)

    def stream_reason(self, messages: Any, **options: Any) -> Iterator[ReplyDelta | Reply]:
        """The same of one conversation, as it is said: :class:`~cosmos_policy.types.ReplyDelta` by and by, and at last
        the whole :class:`~cosmos_policy.types.Reply`. Closing the iterator stops the model."""
        return self._dispatch(
            ReasonRequest, {"messages": messages}, options, lambda requests: [self._stream_reason(requests[0])]
        )

    @abstractmethod
    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """`sampling` with every None filled in, as a call with this embodiment would run."""

    @abstractmethod
    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]: ...

    @abstractmethod
    def _run_inverse_dynamics(self, requests: Sequence[InverseDynamicsRequest]) -> list[ActionChunk]: ...

    @abstractmethod
    def _run_forward_dynamics(self, requests: Sequence[ForwardDynamicsRequest]) -> list[Rollout]: ...

    def _run_generate(self, requests: Sequence[GenerateRequest], on_step: OnStep | None) -> list[Media]:
        raise UsageError(f"{self.info.checkpoint} makes no pictures and no videos here.")

    def _run_reason(self, requests: Sequence[ReasonRequest]) -> list[Reply]:
        raise UsageError(f"{self.info.checkpoint} does not answer in words here.")

    def _stream_reason(self, request: ReasonRequest) -> Iterator[ReplyDelta | Reply]:
        raise UsageError(f"{self.info.checkpoint} does not answer in words here.")

    def close(self) -> None:  # noqa: B027 (nothing to give back is a fine default)
        """Give back what the model holds: device memory or a connection. Calling it twice is harmless."""

    def __deepcopy__(self, memo: dict[int, Any]) -> WorldActionModel:
        """Itself: what copies its arguments (Gymnasium does) gets no second set of weights and no second connection."""
        return self

    def __enter__(self) -> WorldActionModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _dispatch(kind: type, first: dict[str, Any], options: dict[str, Any], run: Any) -> Any:
        subject = next(iter(first.values()))
        extra = [name for name, value in {**dict(list(first.items())[1:]), **options}.items() if value is not None]
        batch = isinstance(subject, (list, tuple)) and len(subject) > 0 and isinstance(subject[0], kind)
        if batch or isinstance(subject, kind) or (isinstance(subject, (list, tuple)) and not subject):
            if extra:
                raise UsageError(
                    f"{', '.join(extra)} cannot be given beside a {kind.__name__}: put it into the request."
                )
            if isinstance(subject, kind):
                return run([_checked(subject)])[0]
            strangers = {type(request).__name__ for request in subject if not isinstance(request, kind)}
            if strangers:
                raise UsageError(f"A list of {kind.__name__} cannot hold {', '.join(sorted(strangers))}.")
            return run([_checked(request) for request in subject])
        missing = [name for name, value in first.items() if value is None]
        if missing:
            raise UsageError(f"{' and '.join(missing)} must be given (or a {kind.__name__}, or a list of them).")
        try:
            request = kind(**first, **options)
        except TypeError:
            known = ", ".join(name for name in kind.__dataclass_fields__ if name not in first)
            raise UsageError(f"Unknown option among {', '.join(options)}; the call takes {known}.") from None
        return run([_checked(request)])[0]


def _checked(request: Any) -> Any:
    """`request`, whose sampling must be of its call's own kind: a map of the same fields would fail much later."""
    wanted = type(type(request).__dataclass_fields__["sampling"].default)
    if not isinstance(request.sampling, wanted):
        raise UsageError(
            f"sampling is a {type(request.sampling).__name__}; expected cosmos_policy.types.{wanted.__name__}(...), "
            f"with {', '.join(wanted.__dataclass_fields__)}."
        )
    return request
