"""What ``--policy.type=cosmos3`` can be told."""

from __future__ import annotations

from dataclasses import dataclass, field

from lerobot.configs.policies import PreTrainedConfig

from cosmos_policy.errors import UsageError


@PreTrainedConfig.register_subclass("cosmos3")
@dataclass
class Cosmos3Config(PreTrainedConfig):
    """Options of a Cosmos 3 policy.

    checkpoint: a name, folder or hub id, or the address of a server ("ws://gpu-box:8000"). embodiment: a name or a YAML
        file. instruction: said in place of the environment's task text.
    views: view -> feature ("observation.images.image"); left out, those of the embodiment's own datasets.
    states: quantity -> feature or columns of one ("observation.state[0:6]"); left out, as above.
    actions: command -> columns of the action ("action[0:6]"); left out, as above. All columns must be told.
    gripper_mode: of a simulator whose gripper speaks otherwise than the data: "zero_one", "pm_one" or "pm_one_flip"
        (LIBERO, which must be told one).
    execution_horizon: actions executed of each chunk; None executes all. chunk_size: None takes the checkpoint's.
    seed: chunks' own seeds follow from it. num_inference_steps, guidance_scale, flow_shift, resolution_tier, revision,
    like, dtype: as in ``cosmos_policy.load`` and its calls.
    """

    checkpoint: str | None = None
    embodiment: str | None = None
    instruction: str | None = None
    views: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    gripper_mode: str | None = None
    execution_horizon: int | None = None
    chunk_size: int | None = None
    seed: int = 0
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    flow_shift: float | None = None
    resolution_tier: int | None = None
    revision: str | None = None
    like: str | None = None
    dtype: str | None = None

    @property
    def observation_delta_indices(self) -> None:
        """The present instant alone."""
        return None

    @property
    def action_delta_indices(self) -> list[int] | None:
        return None if self.chunk_size is None else list(range(self.chunk_size))

    @property
    def reward_delta_indices(self) -> None:
        return None

    def get_optimizer_preset(self):
        raise UsageError("Cosmos 3 is not trained by lerobot-train; use cosmos-policy train.")

    def get_scheduler_preset(self):
        raise UsageError("Cosmos 3 is not trained by lerobot-train; use cosmos-policy train.")

    def validate_features(self) -> None:
        """What the policy reads is checked when it is made, against the embodiment."""
