"""What is simulated: the robots that ask, and the machines that answer."""

from __future__ import annotations

from dataclasses import dataclass

from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Fleet:
    """robots: how many. rate_hz: actions a second of each. chunk: actions of an answer. execute: actions of a chunk
    that are executed before the next one takes over. deadline_s: from an observation's capture to its answer, beyond
    which it is refused or worthless. message_bytes: of an observation on the wire.
    jitter: share by which a robot's period scatters, either way: no two robots keep step for ever."""

    robots: int
    rate_hz: float
    chunk: int
    execute: int
    deadline_s: float
    message_bytes: int = 0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a fleet that cannot be."""
        if self.robots < 1:
            raise UsageError(f"robots is {self.robots}; expected 1 or more.")
        if not self.rate_hz > 0:
            raise UsageError(f"rate is {self.rate_hz:g} Hz; expected actions a second, above 0.")
        if self.chunk < 1 or not 1 <= self.execute <= self.chunk:
            raise UsageError(f"execute is {self.execute} of a chunk of {self.chunk} actions; expected 1 to the chunk.")
        if not 0 <= self.jitter < 1:
            raise UsageError(f"jitter is {self.jitter:g}; expected a share of the period, from 0 to below 1.")
        if not self.deadline_s > 0:
            raise UsageError(f"deadline is {1e3 * self.deadline_s:g} ms; expected more than 0.")

    @property
    def period_s(self) -> float:
        """Seconds between two questions of a robot that gets its answers."""
        return self.execute / self.rate_hz

    @property
    def demand_hz(self) -> float:
        """Questions a second of all robots."""
        return self.robots / self.period_s

    @property
    def cover_s(self) -> float:
        """Seconds that one chunk's actions last."""
        return self.chunk / self.rate_hz


@dataclass(frozen=True)
class Site:
    """gpus: replicas, each with a queue of its own. routing: "shortest": a question goes to the replica with the fewest
    questions, as load balancers by least connections do; "two": to the better of two drawn ones, as Ray Serve's default
    is. max_batch, max_queue, batch_wait_s: each server's (``cosmos-policy serve --help``). outside_s: seconds
    of an answer outside the queue and the GPU: network, serialization, both ways together. between_s: seconds between
    two batches in which the GPU waits. door_s: seconds of a door's processor that a request costs. doors: processor
    cores that take requests; network_bits_s: of the link into the site. connections: that one server takes."""

    gpus: int
    max_batch: int = 8
    max_queue: int = 128
    batch_wait_s: float = 0.0
    outside_s: float = 0.004
    between_s: float = 0.0
    door_s: float = 0.004
    doors: int = 1
    network_bits_s: float = 10e9
    connections: int = 512
    routing: str = "shortest"

    def __post_init__(self) -> None:
        """Refuse a site that cannot be."""
        for name in ("gpus", "max_batch", "max_queue", "doors", "connections"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; expected 1 or more.")
        for name in ("batch_wait_s", "outside_s", "between_s", "door_s"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; expected 0 or more seconds.")
        if self.routing not in ("shortest", "two"):
            raise UsageError(f"routing is {self.routing!r}; expected shortest or two.")
        if not self.network_bits_s > 0:
            raise UsageError(f"network is {self.network_bits_s:g} bit/s; expected more than 0.")
