"""What goes into the calls of a world-action model, and what comes out. numpy only: the robot's side imports this."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Observation:
    """What a robot sees and feels at one instant.

    images: view name -> uint8 [H, W, 3], RGB. The names are those of ``embodiment.views``.
    state: state name -> float array, in the units that the embodiment documents (m, rad, ...).
    stamp: capture time in seconds, on the clock of the caller; answers carry it through unchanged.
    """

    images: Mapping[str, np.ndarray]
    state: Mapping[str, np.ndarray] = field(default_factory=dict)
    stamp: float = 0.0

    def __post_init__(self) -> None:
        """A stamp that is no time would make every chunk look fresh for ever."""
        if not (isinstance(self.stamp, Real) and math.isfinite(self.stamp)):
            raise UsageError(f"stamp is {self.stamp!r}; expected the capture time as a finite number of seconds.")


@dataclass(frozen=True)
class Sampling:
    """How the denoiser is run. A field left at None takes the checkpoint's own default.

    num_inference_steps: denoising steps.
    guidance_scale: classifier-free guidance; 1 switches it off.
    flow_shift: shift of the flow-matching noise schedule.
    resolution_tier: 256, 480, 704, 720 or 768: which set of canvases the frames are fitted to.
    guidance_interval: (low, high) timesteps between 0 and 1001, ends included: only steps within are guided. None
        guides at every timestep.
    guidance_steps: only the first so many steps are guided. None guides all.
    """

    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    flow_shift: float | None = None
    resolution_tier: int | None = None
    guidance_interval: tuple[float, float] | None = None
    guidance_steps: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that would end in a broken index or in NaN, long after they were written."""
        steps, scale, shift = self.num_inference_steps, self.guidance_scale, self.flow_shift
        if steps is not None and not (isinstance(steps, Integral) and steps >= 1):
            raise UsageError(f"num_inference_steps is {steps!r}; expected a whole number of steps, 1 or more.")
        if scale is not None and not (isinstance(scale, Real) and math.isfinite(scale)):
            raise UsageError(f"guidance_scale is {scale!r}; expected a finite number (1 switches guidance off).")
        if shift is not None and not (isinstance(shift, Real) and math.isfinite(shift) and shift > 0):
            raise UsageError(f"flow_shift is {shift!r}; expected a finite number above 0.")

    def over(self, defaults: Sampling) -> Sampling:
        """These settings, with every None filled from `defaults`."""
        chosen = {name: value for name, value in vars(self).items() if value is not None}
        return replace(defaults, **chosen)


@dataclass(frozen=True)
class PolicyRequest:
    """What should the robot do next? `chunk_size` is in actions; None takes the embodiment's.

    prefix: [p, D], unified SI units, p < chunk_size: the chunk's first actions, which will be executed whatever comes
        out (they are while this chunk is computed). The model continues them; the answer holds them as it was told.
    history: [k, D], unified SI units, oldest first: actions before the observation. They stand before the state row.
    """

    observation: Observation
    instruction: str
    embodiment: Any
    seed: int = 0
    chunk_size: int | None = None
    sampling: Sampling = Sampling()
    video: bool = False
    prefix: np.ndarray | None = None
    history: np.ndarray | None = None


@dataclass(frozen=True)
class InverseDynamicsRequest:
    """Which actions connect these frames? `frames`: uint8 [T+1, H, W, 3], composed views.

    `state`, where given, is the robot's state at the first frame: the answer then carries absolute commands too.
    """

    frames: np.ndarray
    embodiment: Any
    seed: int = 0
    instruction: str | None = None
    state: Mapping[str, np.ndarray] | None = None
    sampling: Sampling = Sampling()


@dataclass(frozen=True)
class ForwardDynamicsRequest:
    """What will be seen? `frame`: uint8 [H, W, 3], composed views; `actions`: [T, D], unified SI units.

    `state`, the robot's state at the frame, is needed by embodiments that have a state row (``droid_joint``).
    """

    frame: np.ndarray
    actions: np.ndarray
    embodiment: Any
    seed: int = 0
    instruction: str | None = None
    state: Mapping[str, np.ndarray] | None = None
    sampling: Sampling = Sampling()


@dataclass(frozen=True)
class ReasonSampling:
    """How the reasoner draws its words. A field left at None takes the documented default, with or without reasoning.

    temperature: 0 always takes the likeliest token. top_p: of the likeliest tokens, only so much probability is drawn
    from. top_k: only so many tokens; 0 is no limit. repetition_penalty: divides the logits of tokens that stood in the
    prompt or the answer; 1 is none. presence_penalty, frequency_penalty: taken off the logits of tokens of the answer,
    once or for every time they stood there.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no distribution can mean."""
        ranges = {
            "temperature": (0.0, 100.0, "0 to 100"),
            "top_p": (1e-6, 1.0, "above 0, at most 1"),
            "repetition_penalty": (1e-3, 100.0, "above 0; 1 is none"),
            "presence_penalty": (-2.0, 2.0, "-2 to 2"),
            "frequency_penalty": (-2.0, 2.0, "-2 to 2"),
        }
        for name, (low, high, expected) in ranges.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and low <= value <= high):
                raise UsageError(f"{name} is {value!r}; expected a number {expected}.")
        if self.top_k is not None and not (isinstance(self.top_k, Integral) and self.top_k >= 0):
            raise UsageError(f"top_k is {self.top_k!r}; expected a whole number of tokens, 0 for no limit.")

    def over(self, defaults: ReasonSampling) -> ReasonSampling:
        """These settings, with every None filled from `defaults`."""
        return replace(defaults, **{name: value for name, value in vars(self).items() if value is not None})


@dataclass(frozen=True)
class ReasonRequest:
    """A conversation that the reasoner goes on with.

    messages: in the Qwen3-VL shape: maps of role ("system", "user", "assistant") and content, which is text or a list
        of parts: {"type": "text", "text": ...}, {"type": "image", "image": uint8 [H, W, 3], path or URL}, {"type":
        "video", "video": path, URL, or uint8 [T, H, W, 3] with "fps" (Hz) or "times_s" (seconds, one for each frame)},
        or OpenAI's "image_url" and "video_url".
    reasoning: ask for the thoughts before the answer.
    stop: the answer ends before the first of these strings.
    max_tokens: thoughts and answer together.
    video_fps: frames taken from each second of a video; None takes the processor's 2. all_frames: take every frame.
    choices: the answer is the likeliest of these, by the token that each begins with; nothing is drawn or written.
    """

    messages: Sequence[Mapping[str, Any]]
    reasoning: bool = False
    sampling: ReasonSampling = ReasonSampling()
    seed: int = 0
    max_tokens: int = 4096
    stop: tuple[str, ...] = ()
    video_fps: float | None = None
    all_frames: bool = False
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would only be noticed after the pictures were read."""
        if not (isinstance(self.max_tokens, Integral) and self.max_tokens >= 1):
            raise UsageError(f"max_tokens is {self.max_tokens!r}; expected a whole number of tokens, 1 or more.")
        if isinstance(self.stop, str) or not all(isinstance(text, str) and text for text in self.stop):
            raise UsageError(f"stop is {self.stop!r}; expected a tuple of strings that are not empty.")
        fps = self.video_fps
        if fps is not None and not (isinstance(fps, Real) and math.isfinite(fps) and fps > 0):
            raise UsageError(f"video_fps is {fps!r}; expected frames per second, above 0.")
        if fps is not None and self.all_frames:
            raise UsageError("video_fps and all_frames were both given; expected one of them.")
        choices = self.choices
        if isinstance(choices, str) or len(choices) == 1 or not all(isinstance(text, str) and text for text in choices):
            raise UsageError(f"choices is {choices!r}; expected a tuple of two strings or more, none of them empty.")
        if choices and (self.reasoning or self.stop):
            raise UsageError("choices cannot go with reasoning or stop: the first token of the answer decides.")


@dataclass(frozen=True)
class ReplyDelta:
    """What the reasoner has added: to its thoughts, to its answer. Joined, they are those of the :class:`Reply`."""

    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True)
class Reply:
    """What the reasoner said.

    text: the answer. reasoning: the thoughts between <think> and </think>; None where there were none.
    finish_reason: "stop" at the end of the turn or at a stop string, "length" where max_tokens were used up.
    stop: the stop string that ended it. prompt_tokens, completion_tokens: read (media included) and written;
    reasoning_tokens: of those written, up to the end of the thoughts.
    timing: stage -> milliseconds: prepare, first_token (from the start of the computation), decode, total.
    info: what produced the reply: checkpoint, seed, sampling, engine path; `choices_share`, where there were choices:
        the probability that the answer begins with any of them.
    choices: choice -> its probability among them, together 1; empty where the request had none.
    """

    text: str
    reasoning: str | None
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    stop: str | None = None
    timing: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Transfer:
    """Videos that tell a generated one its shapes.

    videos: kind -> uint8 [T, H, W, 3], all of one length. Kinds: edge, blur, depth, segmentation, world_scenario.
    guidance: how far away from what would be made without them; 1 switches it off (they are followed all the same).
    interval: (low, high) timesteps between 0 and 1001 within which that guidance works; None: all.
    chunk_frames: frames made at once, each chunk continuing the one before; None makes the whole video at once.
    overlap_frames: frames at a chunk's start that are the last ones of the chunk before: 1, 5, 9, ...
    start_frames: how many first frames of the request's `video` begin the made one: 0, 1, 5, 9, ...
    """

    videos: Mapping[str, np.ndarray]
    guidance: float = 1.0
    interval: tuple[float, float] | None = None
    chunk_frames: int | None = None
    overlap_frames: int = 1
    start_frames: int = 0


@dataclass(frozen=True)
class GenerateRequest:
    """A picture or a video, with or without sound, from words and perhaps from pictures.

    num_frames: 1 makes a picture, 5 to 300 a video; None takes 189, or as many as the control videos have.
    fps: frames per second: 10, 16, 24 or 30.
    size: (width, height) in pixels, one that the model was trained on; None takes that of the sampling's
        resolution_tier (256, 480 or 720; None: the checkpoint's) and `aspect_ratio`.
    aspect_ratio: "16:9", "4:3", "1:1", "3:4" or "9:16"; None takes the one nearest to the given picture or video, and
        16:9 without any.
    image: uint8 [H, W, 3], the first frame. video: uint8 [T, H, W, 3], what the made video goes on from. Both are
        scaled to cover the size, and cut to it around their middle.
    condition_frames: of `video`, the latent frames that are kept: 0 is the first frame, each later one stands for 4.
    condition_from: "first" or "last": which end of `video` they are taken from.
    transfer: control videos.
    sound: make the sound that goes with it, stereo at 48 kHz.
    resolution_template, duration_template: whether the sentences about size and length that the model was trained with
        are put behind the prompt (and their opposites behind the negative one).
    max_prompt_tokens: longer prompts are refused; None takes any. None is ever cut short.
    guardrails: whether words and frames are checked; None: as the model was loaded.
    """

    prompt: str
    negative_prompt: str = ""
    num_frames: int | None = None
    fps: float = 24
    size: tuple[int, int] | None = None
    aspect_ratio: str | None = None
    image: np.ndarray | None = None
    video: np.ndarray | None = None
    condition_frames: tuple[int, ...] = (0, 1)
    condition_from: str = "first"
    transfer: Transfer | None = None
    sound: bool = False
    seed: int = 0
    sampling: Sampling = Sampling()
    resolution_template: bool = True
    duration_template: bool = True
    max_prompt_tokens: int | None = None
    guardrails: bool | None = None


@dataclass(frozen=True)
class Media:
    """What was generated.

    frames: uint8 [T, H, W, 3]; a picture has one. fps: frames per second.
    sound: float32 [2, samples] in [-1, 1] at `sound_rate_hz`, exactly as long as the frames; None without.
    timing: stage -> milliseconds. info: what produced it, enough to make it again: mode, checkpoint, revision, engine,
        seed, prompts as the network read them, size, sampling.
    """

    frames: np.ndarray
    fps: float
    sound: np.ndarray | None = None
    sound_rate_hz: int = 48_000
    timing: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ActionChunk:
    """Actions for one robot, in the three forms that they pass through.

    model: float32 [T, D], what the network emitted (normalised).
    unified: float64 [T, D], denormalised, SI units, in the column order of ``embodiment.action_names``.
    commands: name -> float64 [T, ...], absolute commands of that robot, anchored to the observation the chunk was
        predicted from. Empty where no state was given (inverse dynamics of bare frames).
    dt: seconds between two actions.
    stamp: capture time (s) of the observation; action i is due at ``stamp + i * dt``.
    valid_until: ``stamp + T * dt``: later than this, nothing of the chunk is left to execute.
    video: uint8 [T+1, H, W, 3], what the model expects to see, where it was asked for.
    timing: stage -> milliseconds.
    info: what produced the chunk: embodiment, checkpoint, normaliser, seed, prompt, engine path.
    """

    model: np.ndarray
    unified: np.ndarray
    commands: Mapping[str, np.ndarray]
    dt: float
    stamp: float
    valid_until: float
    video: np.ndarray | None = None
    timing: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rollout:
    """The world as the model expects it under given actions.

    frames: uint8 [T+1, H, W, 3]; frame 0 is the given one as the autoencoder sees it. The size is that of the content
        inside the canvas, rounded down to whole latent cells: compare with ``cosmos_policy.inputs.visible_content``.
    dt: seconds between two frames. timing, info: as in :class:`ActionChunk`.
    """

    frames: np.ndarray
    dt: float
    timing: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


def check_frames(frames: np.ndarray, name: str, ndim: int) -> np.ndarray:
    """`frames` as a uint8 array of `ndim` axes that end in [H, W, 3]; anything else raises a :class:`UsageError`."""
    expected = "[H, W, 3]" if ndim == 3 else "[T, H, W, 3]"
    array = np.asarray(frames)
    if array.ndim != ndim or array.shape[-1] != 3 or 0 in array.shape:
        raise UsageError(f"{name} has shape {list(array.shape)}; expected RGB frames {expected}.")
    if array.dtype != np.uint8:
        raise UsageError(f"{name} has dtype {array.dtype}; expected uint8 with values 0 to 255.")
    return array
