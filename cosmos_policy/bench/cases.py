"""What is measured: calls as a robot would make them, with a prompt of a fixed number of tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

import embodiments
from cosmos_policy.calls import forward_dynamics, inverse_dynamics, policy
from cosmos_policy.calls.examples import example_forward_dynamics, example_inverse_dynamics, example_policy
from cosmos_policy.calls.job import Habits
from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.engine.text import prompt_of_length, prompt_token_ids
from cosmos_policy.inputs import Fit, fit_frames
from cosmos_policy.types import Sampling

#: Cosmos3-Nano-Policy-DROID's own
POLICY_SAMPLING = Sampling(num_inference_steps=4, guidance_scale=3.0, flow_shift=5.0, resolution_tier=480)
#: composes, fits, normalises and writes the prompt, on the host
Call = Callable[[], EngineRequest]


@dataclass(frozen=True)
class Case:
    """One call. call: a key of ``CALLS``. chunk_size: actions; None takes the embodiment's. image_size: (height, width)
    of the frame in pixels, for policy and generate; None takes the embodiment's own view (generate: 320x192).
    text_tokens: of the prompt, template included, or None as it comes. video_frames: of generate."""

    name: str
    call: str
    embodiment: str = "droid"
    chunk_size: int | None = None
    sampling: Sampling = POLICY_SAMPLING
    video: bool = False
    image_size: tuple[int, int] | None = None
    text_tokens: int | None = 300
    video_frames: int = 189


def make_call(case: Case, tokenizer, seed: int = 0) -> Call:
    """`case` as its caller makes it: the inputs are there, and what a call does to them is yet to be done."""
    prepare = CALLS[case.call](case, seed)
    if case.text_tokens is None:
        return prepare
    prompt = prompt_of_length(
        prepare().prompt, case.text_tokens, lambda text: len(prompt_token_ids(tokenizer, text, True))
    )
    return lambda: replace(prepare(), prompt=prompt)


def make_request(case: Case, tokenizer, seed: int = 0) -> EngineRequest:
    """The engine's request of `case`."""
    return make_call(case, tokenizer, seed)()


def _prepared(case: Case, call: ModuleType, request) -> Call:
    habits = Habits("bench", "plain", case.sampling)
    return lambda: call.prepare(request, habits).request


def _policy(case: Case, seed: int) -> Call:
    request = example_policy(embodiments.get(case.embodiment), seed, case.sampling, case.chunk_size)
    prepare = _prepared(case, policy, replace(request, video=case.video))
    if case.image_size is None:
        return prepare
    # Another frame than this robot's views make: the same job on that canvas.
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (1, *case.image_size, 3), dtype=np.uint8)
    prepared = prepare()

    def prepare_picture() -> EngineRequest:
        frames, fit = fit_frames(pixels, None)
        return replace(prepared, frames=frames, fit=fit)

    return prepare_picture


def _inverse_dynamics(case: Case, seed: int) -> Call:
    robot = embodiments.get(case.embodiment)
    return _prepared(case, inverse_dynamics, example_inverse_dynamics(robot, seed, case.sampling, case.chunk_size))


def _forward_dynamics(case: Case, seed: int) -> Call:
    robot = embodiments.get(case.embodiment)
    return _prepared(case, forward_dynamics, example_forward_dynamics(robot, seed, case.sampling, case.chunk_size))


def _generate(case: Case, seed: int) -> Call:
    height, width = case.image_size or (192, 320)
    request = EngineRequest(
        mode="generate",
        prompt="a mobile robot in a warehouse aisle",
        frames=np.zeros((0, height, width, 3), np.uint8),
        fit=Fit(height, width, height, width, None),
        num_frames=case.video_frames,
        rows=np.zeros((0, 0), np.float32),
        clean_rows=np.zeros(0, bool),
        row_offset=1,
        domain_name="no_action",
        domain_id=0,
        fps=24.0,
        sampling=case.sampling,
        seed=seed,
        video=True,
    )
    return lambda: request


CALLS: dict[str, Callable[[Case, int], Call]] = {
    "policy": _policy,
    "inverse-dynamics": _inverse_dynamics,
    "forward-dynamics": _forward_dynamics,
    "generate": _generate,
}
