"""The whole robot side in one object, in simulated or real time."""

from ros2_nodes.loop.instant import Instant
from ros2_nodes.loop.policy_loop import PolicyLoop
from ros2_nodes.loop.report import ChunkAdmitted, ChunkRejected, Event, StateChanged, TickReport

__all__ = ["ChunkAdmitted", "ChunkRejected", "Event", "Instant", "PolicyLoop", "StateChanged", "TickReport"]
