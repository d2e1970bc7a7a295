"""What an engine is asked, and what it answers. Everything is already in the network's own terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from cosmos_policy.inputs import Fit
from cosmos_policy.types import Sampling

Mode = Literal["policy", "inverse_dynamics", "forward_dynamics", "generate"]


@dataclass(frozen=True)
class EngineRequest:
    """One denoising job.

    mode: what is asked. policy: frame 0 is known; forward_dynamics: frame 0 and all action rows; inverse_dynamics: all
        frames; generate: video without actions, from the prompt alone or from its first frames.
    prompt, negative_prompt: complete strings, before the chat template.
    frames: uint8 [F, canvas height, canvas width, 3]: the frames that are known and stay as they are. F is 0, or 1
        more than a multiple of the autoencoder's temporal factor (4): whole latent frames.
    fit: where the content lies on the canvas.
    num_frames: T+1, video frames of the whole chunk.
    rows: float32 [R, D], action rows in model space; only the clean ones are read. R is 0 where there are no actions.
    clean_rows: bool [R], which rows are given and stay as they are: state, history, a prefix of the chunk, or all.
    row_offset: video frame index of row 0: 1 without a state row, 0 with one, 1-h with h rows of history.
    domain_name, domain_id: the Cosmos embodiment domain. fps: frames per second of video and actions.
    sampling: nothing None but the guidance limits. seed: draws the noise, on the CPU, so that it is the same on every
        device and in any batch.
    video: whether the frames are wanted back.
    open_frames: latent frames among the known ones that are denoised all the same.
    sound_frames: sound latents to make beside the video.
    controls: uint8 [C, num_frames, canvas height, canvas width, 3], videos that tell the made one its shapes.
    control_guidance: how far away from what the model makes without them; 1 switches it off. control_interval: (low,
        high) timesteps between which it works; None: always.
    noise_index: how many noises of this seed were used before: the chunks of a long video each take the next.
    max_prompt_tokens: longer prompts are refused; None takes any.
    """

    mode: Mode
    prompt: str
    frames: np.ndarray
    fit: Fit
    num_frames: int
    rows: np.ndarray
    clean_rows: np.ndarray
    row_offset: int
    domain_name: str
    domain_id: int
    fps: float
    sampling: Sampling
    seed: int
    video: bool = False
    negative_prompt: str = ""
    open_frames: tuple[int, ...] = ()
    sound_frames: int = 0
    controls: np.ndarray | None = None
    control_guidance: float = 1.0
    control_interval: tuple[float, float] | None = None
    noise_index: int = 0
    max_prompt_tokens: int | None = None


@dataclass(frozen=True)
class EngineResult:
    """rows: float32 [R, D], all action rows, the clean ones as given. video: uint8 [T+1, visible height, visible
    width, 3] or None. timing: stage -> milliseconds, of the pass that this request was part of. step_ms: of each
    denoising step. sound: float32 [channels, samples] in [-1, 1], at the sound decoder's rate, or None."""

    rows: np.ndarray
    video: np.ndarray | None
    timing: dict[str, float] = field(default_factory=dict)
    step_ms: tuple[float, ...] = ()
    sound: np.ndarray | None = None


#: told after each denoising step: (steps done, steps in all). What it raises stops the run.
OnStep = Callable[[int, int], None]
#: called between pieces of long work that are no steps; what it raises stops the run
Rest = Callable[[], None]


#: on a GPU; elsewhere nothing is compiled, and one round has touched everything:
#: the first round compiles and chooses kernels, the second records graphs, the third shows that both are done
WARM_UP_ROUNDS = 3


class Engine(Protocol):
    """What a :class:`~cosmos_policy.local_model.LocalModel` runs on.

    transformer: diffusers' network; its language weights are the reasoner's too. device: where it computes.
    """

    name: str
    transformer: Any
    device: Any

    def run(
        self, requests: Sequence[EngineRequest], on_step: OnStep | None = None, rest: Rest | None = None
    ) -> list[EngineResult]:
        """Answers, in order. The same request gives the same answer, alone or among others.

        Another run may be made inside of `on_step` and `rest`: what is urgent need not wait for what is long.
        """
        ...

    def warm_up(self, requests: Sequence[EngineRequest], other_prompts: bool = True) -> None:
        """Run `requests` until every kernel they need is chosen, compiled and recorded. other_prompts: likewise for the
        same requests with prompts of other lengths."""
        ...

    def close(self) -> None:
        """Give back the device memory."""
        ...
