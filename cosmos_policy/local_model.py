"""A world-action model in this process: a checkpoint, an engine, and the calls between them."""

from __future__ import annotations

import contextlib
import logging
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cosmos_policy.calls import forward_dynamics, inverse_dynamics, policy
from cosmos_policy.calls.examples import EXAMPLES
from cosmos_policy.calls.job import Habits, find_embodiment
from cosmos_policy.calls.warming import example_generation, example_question
from cosmos_policy.checkpoints import Checkpoint, embodiment_for
from cosmos_policy.checkpoints.abilities import calls_of, require_ability
from cosmos_policy.checkpoints.layout import distilled_sigmas, read_index
from cosmos_policy.engine.request import WARM_UP_ROUNDS, Engine, OnStep, Rest
from cosmos_policy.errors import Cancelled, Failure, UsageError
from cosmos_policy.generator.guardrails import Guardrails, State, is_guarded, load_guardrails
from cosmos_policy.generator.jobs import Habits as GenerationHabits
from cosmos_policy.generator.jobs import make_job
from cosmos_policy.generator.run import run_jobs
from cosmos_policy.reasoner.sources import read_inline
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
from cosmos_policy.world_action_model import ModelInfo, WorldActionModel
from embodiments import Embodiment

if TYPE_CHECKING:
    from cosmos_policy.reasoner.reasoner import Reasoner

logger = logging.getLogger(__name__)
CALLS = {"policy": policy, "inverse_dynamics": inverse_dynamics, "forward_dynamics": forward_dynamics}
REPORTED_LIBRARIES = ("cosmos-policy", "torch", "diffusers", "transformers", "numpy", "lerobot")


class LocalModel(WorldActionModel):
    """`checkpoint` on `engine`. Made by :func:`cosmos_policy.load`. guardrails: when generations are guarded."""

    def __init__(self, checkpoint: Checkpoint, engine: Engine, device: str, dtype: str, guardrails: State = "missing"):
        card = checkpoint.card
        self._checkpoint, self._engine, self._card = checkpoint, engine, card
        self._habits = Habits(checkpoint.name, card.prompt_format, card.sampling)
        sigmas = distilled_sigmas(read_index(checkpoint.folder))
        self._generation = GenerationHabits(checkpoint.name, checkpoint.revision, card.generation, sigmas)
        self._told: set[str] = set()
        self._reasoner_made: Reasoner | None = None
        self.guardrails, self._guardrails_made = guardrails, None
        self.info = ModelInfo(
            checkpoint=checkpoint.name,
            revision=checkpoint.revision,
            engine=engine.name,
            device=device,
            dtype=dtype,
            sampling=card.sampling,
            versions=_versions(),
            notes=card.notes,
        )

    def embodiment_for(self, embodiment: Any) -> Embodiment:
        """The embodiment as this checkpoint was trained on it; its normaliser is told once."""
        fitted = embodiment_for(self._checkpoint, find_embodiment(embodiment))
        line = f"{self._checkpoint.name}, {fitted.name}: normaliser {fitted.normalizer.describe()}"
        if line not in self._told:
            self._told.add(line)
            logger.info(line)
        return fitted

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """`sampling` with every None filled in, as a call with this embodiment would run."""
        return self._habits.sampling_for(self.embodiment_for(embodiment), sampling or Sampling())

    def warm_up(
        self,
        embodiment: Any,
        calls: Sequence[str] = ("policy",),
        batch_sizes: Sequence[int] = (1,),
        sampling: Sampling | None = None,
        chunk_size: int | None = None,
        instructions: Sequence[str] = (),
        generations: Sequence[GenerateRequest] = (),
    ) -> float:
        """Run made-up requests until every kernel they need is chosen, compiled and recorded; returns the seconds.

        embodiment: the robot that will ask. calls: those that will come; "reason" reads the vision encoder too, and
            "generate" makes `generations`, or else something short in the checkpoint's usual size.
        batch_sizes: requests at once. sampling, chunk_size: as in the requests that will come.
        instructions: those that will be asked, where they are known: they are read now. The first call with any other
            reads it, and compiles and records nothing.
        """
        unknown = [call for call in calls if call not in self.calls]
        if unknown:
            raise UsageError(f"warm_up knows the calls {', '.join(self.calls)}, not {', '.join(unknown)}.")
        if isinstance(instructions, str):
            raise UsageError("warm_up's instructions are a list of sentences, not one string.")
        started_s = time.perf_counter()
        robot = self.embodiment_for(embodiment)
        for size in batch_sizes if "reason" in calls else ():
            self._reasoner().answer([example_question(seed) for seed in range(size)])
        if "generate" in calls:
            self._warm_up_generations(generations)
        for call in EXAMPLES.keys() & set(calls):
            for size in batch_sizes:
                made = [EXAMPLES[call](robot, seed, sampling or Sampling(), chunk_size) for seed in range(size)]
                told = [[replace(one, instruction=instruction) for one in made] for instruction in instructions]
                for place, requests in enumerate(told or [made]):
                    jobs = self._prepare(CALLS[call], requests)
                    self._engine.warm_up([job.request for job in jobs], other_prompts=place == 0)
        return time.perf_counter() - started_s

    def _warm_up_generations(self, generations: Sequence[GenerateRequest]) -> None:
        distilled = self._generation.distilled_sigmas is not None
        for request in generations or [example_generation(self._card.abilities, distilled)]:
            job = make_job(request, self._generation, self._engine.name)
            for _ in range(WARM_UP_ROUNDS if self.info.device.startswith("cuda") else 1):
                run_jobs([job], self._engine)

    @property
    def calls(self) -> tuple[str, ...]:
        """The calls that this model answers."""
        return calls_of(self._card)

    @property
    def generation_tier(self) -> int:
        """The resolution tier of pictures and videos where nobody names one."""
        return self._generation.sampling.resolution_tier

    def follow_generate(self, request: GenerateRequest, tell: Callable[[dict[str, int]], None]) -> Media:
        """One generation that tells {"step": done, "steps": in all}; what `tell` raises stops it."""
        tell({})
        media = self._generate(
            [request], lambda done, steps: tell({"step": done, "steps": steps}), rest=lambda: tell({})
        )
        return media[0]

    def follow_reason(self, request: ReasonRequest, tell: Callable[[dict[str, str]], None]) -> Reply:
        """One reply that tells {"text": ..., "reasoning": ...} by and by; what `tell` raises stops it.

        For requests that came over a wire: they hold their pictures, and nothing that they point to is read.
        """
        for said in self._reasoner().stream(request, read_inline, rest=lambda: tell({})):
            if isinstance(said, Reply):
                return self._sign(said)
            tell({"text": said.text, "reasoning": said.reasoning} if said.text or said.reasoning else {})
        raise Failure("The reasoner ended without a reply.")

    def follow_reason_together(
        self,
        requests: Sequence[ReasonRequest],
        tell: Callable[[int, dict[str, str]], None],
        answer: Callable[[int, Reply | Exception], None],
    ) -> None:
        """As :meth:`follow_reason`, several at once: each tells, and is answered, by its number. What `tell` raises
        stops that one alone, and is its answer."""
        stopped: set[int] = set()

        def rest() -> None:
            with contextlib.suppress(Cancelled):  # noticed again when that one's turn has come
                tell(0, {})

        for number, said in self._reasoner().follow(requests, read_inline, stopped, rest):
            if isinstance(said, Reply):
                answer(number, self._sign(said))
            elif isinstance(said, UsageError):
                answer(number, said)
            elif number not in stopped:
                words = {"text": said.text, "reasoning": said.reasoning} if said.text or said.reasoning else {}
                try:
                    tell(number, words)
                except Cancelled as error:
                    stopped.add(number)
                    answer(number, error)

    def close(self) -> None:
        """Drop the weights."""
        self._reasoner_made = self._guardrails_made = None
        self._engine.close()

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return self._run(policy, requests)

    def _run_inverse_dynamics(self, requests: Sequence[InverseDynamicsRequest]) -> list[ActionChunk]:
        return self._run(inverse_dynamics, requests)

    def _run_forward_dynamics(self, requests: Sequence[ForwardDynamicsRequest]) -> list[Rollout]:
        return self._run(forward_dynamics, requests)

    def _run_generate(self, requests: Sequence[GenerateRequest], on_step: OnStep | None) -> list[Media]:
        return self._generate(requests, on_step)

    def _generate(
        self, requests: Sequence[GenerateRequest], on_step: OnStep | None, rest: Rest | None = None
    ) -> list[Media]:
        jobs = [make_job(request, self._generation, self._engine.name) for request in requests]
        for job, request in zip(jobs, requests, strict=True):
            require_ability(self._card, job.info["mode"])
            if request.sound:
                require_ability(self._card, "sound")
        self._tell_unguarded()
        guarded = [is_guarded(self.guardrails, request.guardrails) for request in requests]
        for request, wanted in zip(requests, guarded, strict=True):
            if wanted:
                self._guard().check_words(request)
        media = run_jobs(jobs, self._engine, on_step, rest)
        return [
            self._guard().check_media(each) if wanted else each for each, wanted in zip(media, guarded, strict=True)
        ]

    def _tell_unguarded(self) -> None:
        line = "generations are not guarded: cosmos-guardrail is not installed (cosmos-policy[guardrails])"
        if self.guardrails == "missing" and self._card.guardrails and line not in self._told:
            self._told.add(line)
            logger.warning(line)

    def _guard(self) -> Guardrails:
        """Loaded for the first generation that is guarded."""
        if self._guardrails_made is None:
            self._guardrails_made = load_guardrails(self._engine.device)
        return self._guardrails_made

    def _run_reason(self, requests: Sequence[ReasonRequest]) -> list[Reply]:
        return [self._sign(reply) for reply in self._reasoner().answer(requests)]

    def _stream_reason(self, request: ReasonRequest) -> Iterator[ReplyDelta | Reply]:
        reasoner = self._reasoner()
        for said in reasoner.stream(request):
            if isinstance(said, Reply):
                yield self._sign(said)
            elif said.text or said.reasoning:
                yield said

    def _reasoner(self) -> Reasoner:
        """Built at the first question: who never asks one needs no memory for the vision encoder."""
        require_ability(self._card, "reason")
        if self._reasoner_made is None:
            from cosmos_policy.reasoner.reasoner import load_reasoner

            engine = self._engine
            group = None if getattr(engine, "whole_language", True) else engine
            self._reasoner_made = load_reasoner(self._checkpoint.folder, engine.transformer, engine.device, group)
        return self._reasoner_made

    def _sign(self, reply: Reply) -> Reply:
        signature = {"checkpoint": self._checkpoint.name, "revision": self._checkpoint.revision}
        return replace(reply, info={**reply.info, **signature})

    def _prepare(self, call: ModuleType, requests: Sequence[Any]) -> list[Any]:
        """The jobs of requests whose embodiments are this checkpoint's."""
        prepare: Callable[..., Any] = call.prepare
        return [prepare(request, self._habits) for request in requests]

    def _run(self, call: ModuleType, requests: Sequence[Any]) -> list[Any]:
        """All requests are prepared before any is computed: a wrong one costs nothing."""
        require_ability(self._card, "actions")
        requests = [replace(request, embodiment=self.embodiment_for(request.embodiment)) for request in requests]
        jobs = self._prepare(call, requests)
        results = self._engine.run([job.request for job in jobs])
        return [call.finish(request, job, result) for request, job, result in zip(requests, jobs, results, strict=True)]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in REPORTED_LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:  # an optional part is not installed: nothing to report
            continue
    return found
