"""The tick: look, ask the model ahead of need, judge, command. All time is given from outside."""

from __future__ import annotations

from ros2_nodes.commanding.records import Command
from ros2_nodes.contract import RobotContract
from ros2_nodes.execution.inference import Inference
from ros2_nodes.loop.instant import Instant
from ros2_nodes.loop.report import TickReport
from ros2_nodes.observing.samples import Sample
from ros2_nodes.reasons import Reason


class PolicyLoop:
    """One robot under one policy. Not thread-safe: one executor thread calls it.

    contract: as read by `load_contract`. embodiment: as returned by `check_against`. inference: where questions go.
    seed: of the first question; each next one gets the next number.
    """

    def __init__(self, contract: RobotContract, embodiment, inference: Inference, seed: int = 0) -> None: ...

    def receive(self, stream: str, sample: Sample) -> None:
        """The newest message of a stream. Cheap: it is decoded when it is sampled."""

    def instruct(self, instruction: str) -> None:
        """What to do from the next question on; "" takes the embodiment's own, or none (then nothing is asked)."""

    def press_emergency_stop(self, pressed: bool, now: Instant) -> None:
        """The state of the emergency stop; True stops at once."""

    def hold_deadman(self, held: bool, now: Instant) -> None:
        """A message of the deadman; False holds at once, silence holds after its max_age_ms."""

    def start(self, now: Instant) -> bool:
        """Begin (from inactive or stopped); False where the state or a pressed emergency stop forbids it."""

    def stop(self, now: Instant, detail: str, reason: Reason = Reason.REQUESTED) -> bool:
        """Slow to rest on the planned path and hold there until `start`."""

    def deactivate(self, now: Instant, detail: str) -> bool:
        """As `stop`; once the robot is at rest nothing more is sent."""

    @property
    def at_rest(self) -> bool:
        """Whether the last command sent had no velocity: a shutdown waits for it."""

    def tick(self, now: Instant) -> TickReport:
        """Look and judge; call it `control_rate_hz` times a second."""

    def commands(self, now: Instant) -> tuple[Command, ...]:
        """What is to be sent now; call it `output_rate_hz` times a second and after every tick.

        Streamed outputs (positions, poses, twists) give one command each time; trajectories, paths and grippers only
        when they change."""
