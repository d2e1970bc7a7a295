"""What ``cosmos-policy rollout`` is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling
from sim_eval.physics.randomization import Randomization


@dataclass(frozen=True)
class RolloutSettings:
    """The options of ``cosmos-policy rollout``.

    task, embodiment, robot, image_size, supersampling, randomization: as in ``CosmosPolicy/Robosuite-v0``.
    output: folder of the results. checkpoint, revision, like, device, dtype: as in ``cosmos_policy.load``.
    episodes: scenes to play, `seed` upward. instruction: said in place of the task's own.
    execution_horizon: actions to execute of each chunk. chunk_size: actions to ask for (None: the embodiment's).
    latency_s: injected from looking to having the chunk, seconds of the world's time. prefix: whether the model is told
    what runs meanwhile. time_limit_s: None takes the task's. videos: episodes to film.
    environments: worlds that are played at once, in processes of their own, and answered in batches.
    server: address of a server that answers in place of a checkpoint here.
    """

    task: str
    embodiment: str
    output: Path
    checkpoint: str = "tiny"
    robot: str | None = None
    episodes: int = 20
    seed: int = 0
    instruction: str | None = None
    execution_horizon: int = 8
    chunk_size: int | None = None
    latency_s: float = 0.0
    prefix: bool = True
    time_limit_s: float | None = None
    image_size: tuple[int, int] = (256, 256)
    supersampling: int = 1
    randomization: Randomization = Randomization()  # noqa: RUF009 (frozen)
    videos: int = 10
    environments: int = 1
    server: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    revision: str | None = None
    like: str | None = None
    device: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        for name, lowest in (("episodes", 1), ("seed", 0), ("videos", 0), ("environments", 1)):
            if getattr(self, name) < lowest:
                raise UsageError(f"--{name} is {getattr(self, name)}; expected at least {lowest}.")
        if self.chunk_size is not None and self.chunk_size < 1:
            raise UsageError(f"--chunk-size is {self.chunk_size}; expected at least 1 action.")

    def described(self) -> dict[str, Any]:
        """The settings as JSON values, but for what changes no episode: where results lie, how many there are."""
        left_out = ("output", "episodes", "videos", "environments")
        values = {name: value for name, value in asdict(self).items() if name not in left_out}
        return {**values, "image_size": list(self.image_size)}
