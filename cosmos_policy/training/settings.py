"""What a training run is told. Every field says its unit; a YAML file with these names is read by ``settings_file``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True)
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class DatasetSettings:
    """One dataset of one robot."""

    path: str
    """Folder or hub id of a LeRobot v3 dataset, or a folder that ``--prepare-only`` wrote."""
    embodiment: str
    """Name of the robot, or a YAML file that describes one."""
    share: Positive = 1.0
    """How often this dataset is drawn, relative to the shares of the others."""
    episodes: str | None = None
    """Which episodes, as ``0,3:7``; all if left out."""
    held_out: CountOrNone = 4
    """How many episodes are kept from training for evaluation: evenly spread ones. 0 switches evaluation off."""
    camera_map: dict[str, str] = Field(default_factory=dict)
    """View of the robot -> camera feature of the dataset, over what the robot's own layout says."""
    missing_views: Literal["refuse", "blank"] = "refuse"
    """What to do where the dataset lacks a view."""
    fps: Positive | None = None
    """Frames and actions per second, where they are not to be the robot's own."""
    instruction: str | None = None
    """What the robot is told, in place of the dataset's task texts."""
    resolution_tier: int | None = None
    """Canvas tier (256, 480, 704, 720, 768); the base checkpoint's or the robot's own if left out."""
    chunk_size: Count | None = None
    """Actions predicted at once, a multiple of 4; the robot's own if left out."""
    window_stride: Count = 1
    """Steps between the starts of two training windows."""
    picture_quality: Annotated[int, Field(ge=1, le=100)] = 92
    """WebP quality in which prepared pictures are kept; 92 is about 42 dB, far above what an autoencoder keeps."""
    rest_steps: CountOrNone = 0
    """For how many steps after its last frame an episode goes on at rest (last frame, last command), so that the end of
    a task is learnt too."""

    @model_validator(mode="after")
    def _whole_latent_frames(self) -> DatasetSettings:
        if self.chunk_size is not None and self.chunk_size % 4:
            raise ValueError(f"chunk_size is {self.chunk_size}; expected a multiple of 4, which fills latent frames")
        return self


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class MixtureSettings:
    """What each sample of a batch is asked, and what it is told. The four shares are relative to one another."""

    policy: NotNegative = 0.5
    """Share of: frame 0 in, frames and actions out."""
    forward_dynamics: NotNegative = 0.3
    """Share of: frame 0 and actions in, frames out."""
    inverse_dynamics: NotNegative = 0.2
    """Share of: frames in, actions out."""
    video: NotNegative = 0.0
    """Share of: frame 0 in, frames out, no action row at all."""
    text_dropout: Share = 0.1
    """Share of samples whose prompt is the empty one, which guidance compares with (cosmos-framework: 0.1)."""
    idle_frames: Share = 0.0
    """Share of samples whose prompt tells how many of the actions are idle. At inference nobody knows, so 0."""
    state_dropout: Share = 0.0
    """Share of samples without the state row, for robots that have one."""
    history_rows: CountOrNone = 0
    """At most how many of the preceding actions stand before the chunk, clean."""
    history_dropout: Share = 0.5
    """Share of samples without any of them; the others have 1 to ``history_rows``, as far as the episode reaches."""
    prefix: Share = 0.5
    """Share of policy samples whose first actions are given: they are already executing (real-time chunking)."""
    longest_prefix: CountOrNone = 0
    """At most how many actions are given; at least one is left to predict. 0 switches prefixes off."""

    @model_validator(mode="after")
    def _something_to_learn(self) -> MixtureSettings:
        if not sum(self.modes.values()) > 0:
            raise ValueError("all shares of the mixture are 0; give at least one mode a positive share")
        return self

    @property
    def modes(self) -> dict[str, float]:
        """mode -> its share."""
        return {name: getattr(self, name) for name in ("policy", "forward_dynamics", "inverse_dynamics", "video")}


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class TimeSettings:
    """Which noise levels sigma (0 clean, 1 noise) are trained, before and after the schedule's shift."""

    distribution: Literal["uniform", "logit_normal", "waver"] = "waver"
    """uniform; sigmoid of a normal number; or Waver's, which is dense at both ends (cosmos-framework, for video)."""
    mean: float = 0.0
    """Of the normal number of logit_normal."""
    deviation: Positive = 1.0
    """Its standard deviation."""
    shift: Positive | None = None
    """sigma -> shift sigma / (1 + (shift - 1) sigma). Left out: by canvas tier, as cosmos-framework: 256 3, 480 5, else
    10."""


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class LossSettings:
    """Weights of the two mean squared velocity errors."""

    video: NotNegative = 1.0
    action: NotNegative = 10.0
    """cosmos-framework: 10."""


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class OptimizerSettings:
    """AdamW, and its learning rate over the run. Defaults are those of cosmos-framework's DROID recipe."""

    learning_rate: Positive = 2e-4
    head_factor: Positive = 5.0
    """Times the learning rate, for the action heads: a new robot's start from nothing."""
    schedule: Literal["constant", "constant_with_warmup", "linear", "cosine"] = "linear"
    warmup_steps: CountOrNone = 0
    beta1: Share = 0.9
    beta2: Share = 0.99
    weight_decay: NotNegative = 0.05
    """Of matrices alone; norms, biases and embeddings have none."""
    clip_norm: Positive = 1.0
    """Gradients longer than this are scaled to it."""


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class AdaptationSettings:
    """Which weights are trained."""

    kind: Literal["lora", "generation", "all"] = "generation"
    """lora: low-rank updates of the generation stream, and the action heads. generation: the generation stream whole;
    the text stream, which is the reasoner too, stays. all: everything that takes part."""
    rank: Count = 16
    """Of the low-rank updates."""
    alpha: Positive = 32.0
    """Their scale times the rank."""
    modules: tuple[Literal["attention", "mlp"], ...] = ("attention",)
    """What gets low-rank updates."""


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class AverageSettings:
    """The moving average of the weights, which is what is evaluated and written."""

    decay: Share = 0.999
    """Towards the end of a long run; at step s it is at most (1 + s) / (10 + s). 0 switches the average off."""


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class EvaluationSettings:
    """Replay of held-out episodes while the run goes on."""

    every: CountOrNone = 500
    """Steps between two evaluations; 0: only at the end."""
    windows: Count = 32
    """At most how many windows of each dataset; for an autoencoder, how many clips."""
    num_inference_steps: Count = 8
    guidance_scale: Positive = 1.0
    """1 switches guidance off."""
    flow_shift: Positive = 5.0
    """Of the denoising schedule."""


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class AutoencoderSettings:
    """How an autoencoder is trained."""

    clip_frames: Count = 17
    """Frames of a clip; one more than a multiple of 4."""
    l1: NotNegative = 1.0
    """Weight of the mean absolute error, pixels in -1..1."""
    mse: NotNegative = 1.0
    """Weight of the mean squared error."""
    gradient: NotNegative = 0.0
    """Weight of the mean absolute error of differences between neighbouring pixels: edges."""
    kl: NotNegative = 1e-6
    """Weight of the divergence of the latents from a standard normal distribution."""
    measured_clips: Count = 64
    """Clips that the latents' mean and deviation are measured on at the end; the transformer sees latents of unit
    size."""
    decoder_only: bool = False
    """Leave the encoder, so that latents (and the transformer trained on them) stay valid."""

    @model_validator(mode="after")
    def _whole_latent_frames(self) -> AutoencoderSettings:
        if self.clip_frames % 4 != 1:
            raise ValueError(f"clip_frames is {self.clip_frames}; expected one more than a multiple of 4")
        return self


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class NormalizerSettings:
    """How actions are brought into model space."""

    kind: str = "keep"
    """keep: what the base checkpoint was trained with. Else a kind of ``embodiments.normalizers`` ("quantile",
    "meanstd", "minmax", ...), fitted on the training episodes and written into the checkpoint."""
    clamp: bool = False
    """Cut normalised values to [-1, 1]; for the kinds that can."""
    outside: Share = 0.02
    """At most which share of the numbers may lie outside [-1, 1] (or 3 standard deviations); more of them mean that
    units or frames do not fit, and the run is refused."""


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class TrainSettings:
    """One run."""

    part: Literal["transformer", "autoencoder"] = "transformer"
    """What is trained."""
    base: str | None = None
    """The checkpoint to start from: "tiny", a folder, or a hub id."""
    architecture: str | None = None
    """In place of `base`: a named architecture with random weights, or a YAML file that describes one."""
    autoencoder_from: str | None = None
    """A checkpoint folder whose autoencoder takes the place of the base's."""
    like: str | None = None
    """The known checkpoint whose prompt, sampling and normalisers `base` was trained with, where nothing tells."""
    name: str
    """What the new checkpoint is called."""
    datasets: tuple[DatasetSettings, ...] = Field(min_length=1)
    normalizer: NormalizerSettings = Field(default_factory=NormalizerSettings)
    prompt_format: Literal["json", "plain"] | None = None
    """The base checkpoint's own if left out; "json" for a new architecture."""
    steps: Count
    """Optimiser steps."""
    batch_size: Count = 8
    """Samples of one step on one device."""
    accumulate: Count = 1
    """Passes whose gradients make up one step; batch_size is that of one pass."""
    seed: CountOrNone = 0
    mixture: MixtureSettings = Field(default_factory=MixtureSettings)
    times: TimeSettings = Field(default_factory=TimeSettings)
    loss: LossSettings = Field(default_factory=LossSettings)
    optimizer: OptimizerSettings = Field(default_factory=OptimizerSettings)
    adaptation: AdaptationSettings = Field(default_factory=AdaptationSettings)
    average: AverageSettings = Field(default_factory=AverageSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    autoencoder: AutoencoderSettings = Field(default_factory=AutoencoderSettings)
    precision: Literal["bf16", "float32"] = "bf16"
    """Of matrix products; weights, sums and the optimiser are float32."""
    weights: Literal["float32", "bf16"] = "float32"
    """In which weights are held that are not trained (lora): bf16 halves them."""
    saved: Literal["bf16", "float32"] = "bf16"
    """In which the checkpoint's trained part is written."""
    gradient_checkpointing: bool = False
    """Compute each layer twice and keep less in memory."""
    compile: bool = False
    """torch.compile of what is repeated in the part that is trained: some seconds at the start, faster afterwards."""
    cuda_graph: bool = False
    """Record the passes of a step and replay them: several times faster for a network so small that launching it takes
    longer than its arithmetic. One NVIDIA GPU; on a CPU nothing changes."""
    save_every: CountOrNone = 500
    """Steps between two states that a run can be resumed from; 0: only at the end."""
    log_every: Count = 20
    """Steps between two lines of the log."""
    time_limit_s: Positive | None = None
    """Stop (and write the checkpoint) after this many seconds of training, counted from the end of the first step
    (which compiles); the schedule of the learning rate then follows the time instead of the steps."""

    @model_validator(mode="after")
    def _one_start(self) -> TrainSettings:
        if (self.base is None) == (self.architecture is None):
            raise ValueError(
                'give either base (a checkpoint: "tiny", a folder, a hub id) or architecture, and not both'
            )
        if self.part == "transformer" and self.architecture is not None and self.normalizer.kind == "keep":
            raise ValueError(
                'a new architecture has no normaliser to keep; say normalizer: {kind: quantile} (or "meanstd", ...)'
            )
        if self.architecture is not None and self.adaptation.kind != "all" and self.part == "transformer":
            raise ValueError("a new architecture has random weights everywhere: say adaptation: {kind: all}")
        return self
