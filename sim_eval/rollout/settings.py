"""What ``cosmos-policy rollout`` is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling
from sim_eval.physics.randomization import Randomization

#: What episodes that begin from a dataset are called in results, in a task's place.
RECORDED = "recorded"


@dataclass(frozen=True)
class Imagination:
    """How worlds are imagined.

    checkpoint, sampling: who imagines (a name, folder, hub id, or a server's address), and how it denoises.
    rewards: who says that an episode has succeeded, as ``sim_eval.rewards.make_reward`` reads them (JSON values).
    chunk_size: actions that are rolled out at once (None: the embodiment's).
    dataset: episodes begin at frame `start_frame` of its episodes, one after the other (scene `seed` from episode
        `seed` modulo their number); None begins with the first picture of the tasks' scenes in physics.
    dataset_episodes, camera_map, missing_views: as in ``cosmos-policy replay``.
    """

    checkpoint: str
    rewards: tuple[Any, ...]
    sampling: Sampling = field(default_factory=Sampling)
    chunk_size: int | None = None
    dataset: str | None = None
    dataset_episodes: str | None = None
    camera_map: Mapping[str, str] = field(default_factory=dict)
    missing_views: str = "refuse"
    start_frame: int = 0

    def __post_init__(self) -> None:
        if not self.rewards:
            raise UsageError(
                "Nothing says when an imagined episode has succeeded: give --judge (reasoner, or the file of a trained "
                "head) or --reward."
            )
        if self.start_frame < 0:
            raise UsageError(f"--start-frame is {self.start_frame}; expected a frame's number, 0 or more.")


@dataclass(frozen=True)
class RolloutSettings:
    """The options of ``cosmos-policy rollout``.

    tasks: of ``sim_eval.physics``; none where episodes begin from a dataset. embodiment, robot, image_size,
    supersampling, randomization: as in ``CosmosPolicy/Robosuite-v0``.
    output: folder of the results. checkpoint, revision, like, device, dtype: as in ``cosmos_policy.load``.
    episodes: scenes to play of each task, `seed` upward. instruction: said to the policy in place of the task's own.
    execution_horizon: actions to execute of each chunk. chunk_size: actions to ask for (None: the embodiment's).
    latency_s: injected from looking to having the chunk, seconds of the world's time. prefix: whether the model is told
    what runs meanwhile. time_limit_s: None takes the task's. videos: episodes to film of each task.
    record: whether a LeRobot dataset of the episodes is written.
    environments: worlds that are played at once, and answered in batches (in physics a process each).
    server: address of a server that answers in place of a checkpoint here.
    imagination: None plays in physics.
    """

    tasks: tuple[str, ...]
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
    record: bool = False
    environments: int = 1
    server: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    revision: str | None = None
    like: str | None = None
    device: str | None = None
    dtype: str | None = None
    imagination: Imagination | None = None

    def __post_init__(self) -> None:
        for name, lowest in (("episodes", 1), ("seed", 0), ("videos", 0), ("environments", 1)):
            if getattr(self, name) < lowest:
                raise UsageError(f"--{name} is {getattr(self, name)}; expected at least {lowest}.")
        if self.chunk_size is not None and self.chunk_size < 1:
            raise UsageError(f"--chunk-size is {self.chunk_size}; expected at least 1 action.")
        twice = next((task for task in self.tasks if self.tasks.count(task) > 1), None)
        if twice is not None:
            raise UsageError(f"--task {twice} is given twice; give every task once.")
        if self.begins_from_dataset:
            if self.tasks:
                raise UsageError("--task belongs to scenes in physics; with --dataset the recording tells its tasks.")
            if self.time_limit_s is None:
                raise UsageError("Episodes that begin from a --dataset have no time of their own: give --time-limit-s.")
        elif not self.tasks:
            raise UsageError("There is no --task to play.")

    @property
    def begins_from_dataset(self) -> bool:
        """Whether episodes are imagined on from recorded frames."""
        return self.imagination is not None and self.imagination.dataset is not None

    @property
    def groups(self) -> tuple[str, ...]:
        """The tasks; of episodes that begin from a dataset the one name :data:`RECORDED`."""
        return (RECORDED,) if self.begins_from_dataset else self.tasks

    def described(self) -> dict[str, Any]:
        """The settings as JSON values, but for what changes no episode: where results lie, how many there are."""
        left_out = ("tasks", "output", "episodes", "videos", "record", "environments")
        values = {name: value for name, value in asdict(self).items() if name not in left_out}
        return {**values, "image_size": list(self.image_size)}
