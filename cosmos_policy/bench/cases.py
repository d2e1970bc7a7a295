"""What is measured: calls as a robot would make them, with a prompt of a fixed number of tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

import embodiments
from cosmos_policy.calls import forward_dynamics, inverse_dynamics, policy
from cosmos_policy.calls.job import Habits
from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.engine.text import prompt_token_ids
from cosmos_policy.inputs import Fit
from cosmos_policy.types import ForwardDynamicsRequest, InverseDynamicsRequest, Observation, PolicyRequest, Sampling

#: Cosmos3-Nano-Policy-DROID's own
POLICY_SAMPLING = Sampling(num_inference_steps=4, guidance_scale=3.0, flow_shift=5.0, resolution_tier=480)
WORD = " and then the next"


@dataclass(frozen=True)
class Case:
    """One call. call: a key of ``CALLS``. chunk_size: actions; None takes the embodiment's. image_size: (height, width)
    of the frame in pixels; None takes the embodiment's own view. text_tokens: of the prompt, or None as it comes."""

    name: str
    call: str
    embodiment: str = "droid"
    chunk_size: int | None = None
    sampling: Sampling = POLICY_SAMPLING
    video: bool = False
    image_size: tuple[int, int] | None = None
    text_tokens: int | None = 300
    video_frames: int = 0
    notes: tuple[str, ...] = field(default=())


def make_request(case: Case, tokenizer, seed: int = 0, plain: bool = True) -> tuple[EngineRequest, float]:
    """The engine's request of `case`, and the milliseconds that preparing it took (resizing, composing, prompt)."""
    random = np.random.default_rng(seed)
    started = time.perf_counter()
    request = CALLS[case.call](case, random, seed)
    prepared_ms = 1e3 * (time.perf_counter() - started)
    if case.text_tokens is not None:
        request = replace(request, prompt=_lengthened(request.prompt, tokenizer, case.text_tokens))
    return request, prepared_ms


def _lengthened(prompt: str, tokenizer, tokens: int) -> str:
    """`prompt` cut or continued to `tokens` tokens, template included."""
    text = prompt + WORD * tokens
    low, high = 0, len(text)
    while low < high:  # the longest start that does not pass the number
        middle = (low + high + 1) // 2
        if len(prompt_token_ids(tokenizer, text[:middle], True)) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def _habits(case: Case) -> Habits:
    return Habits("bench", "plain", case.sampling)


def _frames(case: Case, random: np.random.Generator, count: int) -> np.ndarray:
    height, width = case.image_size or (540, 640)
    return random.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def _policy(case: Case, random: np.random.Generator, seed: int) -> EngineRequest:
    robot = embodiments.get(case.embodiment)
    observation = Observation(**robot.example_observation(seed))
    asked = PolicyRequest(
        observation, "put it away", robot, seed=seed, chunk_size=case.chunk_size, sampling=case.sampling,
        video=case.video,
    )  # fmt: skip
    request = policy.prepare(asked, _habits(case)).request
    if case.image_size is None:
        return request
    # Another frame size than this robot's views have: the same job on that canvas.
    asked_fd = InverseDynamicsRequest(_frames(case, random, 5), robot, seed=seed, sampling=case.sampling)
    other = inverse_dynamics.prepare(asked_fd, _habits(case)).request
    return replace(request, frames=other.frames[:1], fit=other.fit)


def _inverse_dynamics(case: Case, random: np.random.Generator, seed: int) -> EngineRequest:
    robot = embodiments.get(case.embodiment)
    frames = _frames(case, random, (case.chunk_size or robot.chunk_size) + 1)
    state = robot.example_observation(seed)["state"] if robot.state_rows else None
    asked = InverseDynamicsRequest(frames, robot, seed=seed, sampling=case.sampling, state=state)
    return inverse_dynamics.prepare(asked, _habits(case)).request


def _forward_dynamics(case: Case, random: np.random.Generator, seed: int) -> EngineRequest:
    robot = embodiments.get(case.embodiment)
    actions = random.normal(scale=0.1, size=(case.chunk_size or robot.chunk_size, robot.action_dim))
    state = robot.example_observation(seed)["state"] if robot.state_rows else None
    asked = ForwardDynamicsRequest(
        _frames(case, random, 1)[0], actions, robot, seed=seed, sampling=case.sampling, state=state
    )
    return forward_dynamics.prepare(asked, _habits(case)).request


def _generate(case: Case, random: np.random.Generator, seed: int) -> EngineRequest:
    height, width = case.image_size or (192, 320)
    return EngineRequest(
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


CALLS: dict[str, Callable[[Case, np.random.Generator, int], EngineRequest]] = {
    "policy": _policy,
    "inverse-dynamics": _inverse_dynamics,
    "forward-dynamics": _forward_dynamics,
    "generate": _generate,
}
