"""What an operator decides, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """The largest things that are taken from a client. Anything beyond is refused with the number that was exceeded.

    message_bytes: one WebSocket message or msgpack body. json_bytes: one JSON body (parsing holds the interpreter, so
    it is smaller). upload_bytes: one multipart form. image_bytes: one encoded picture. image_pixels: width times height
    of one picture. frames: pictures of one clip. session_idle_s: an unused session is forgotten after so many seconds.
    body_s: seconds in which a request's body must arrive. in_flight: requests that one connection may have under way.
    """

    message_bytes: int = 64 * MEBIBYTE
    json_bytes: int = 24 * MEBIBYTE
    upload_bytes: int = 128 * MEBIBYTE
    image_bytes: int = 16 * MEBIBYTE
    image_pixels: int = 2048 * 2048
    frames: int = 512
    clip_pixels: int = 300 * 1280 * 720
    batch_items: int = 64
    connections: int = 512
    sessions: int = 4096
    session_idle_s: float = 3600.0
    body_s: float = 60.0
    in_flight: int = 4
    jobs: int = 64
    job_expiry_s: float = 3600.0
    job_bytes: int = 512 * MEBIBYTE


@dataclass(frozen=True)
class Scheduling:
    """max_queue: requests that may wait. max_batch: requests computed together. deadline_ms: milliseconds from capture
    within which an answer is of use, for requests that name none; None: no deadline. batch_wait_ms: how long an idle
    worker waits for more requests to batch. worker_timeout_s: a batch that takes longer counts as hung, and the worker
    is restarted. drain_s: at shutdown, seconds that running requests are given."""

    max_queue: int = 128
    max_batch: int = 8
    deadline_ms: float | None = None
    batch_wait_ms: float = 0.0
    worker_timeout_s: float = 900.0
    drain_s: float = 30.0


@dataclass(frozen=True)
class Security:
    """api_keys: name -> key; empty: everybody may call. media_folder: the only folder that file paths in requests may
    point into. allow_private_urls: whether URLs in requests may lead to private addresses. fetch_s, fetch_bytes: limits
    of one fetched URL. allowed_origins: web pages' origins, besides our own, whose scripts may call."""

    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    media_folder: Path | None = None
    allow_private_urls: bool = False
    fetch_s: float = 10.0
    fetch_bytes: int = 64 * MEBIBYTE
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSource:
    """Where the worker gets its model: `loader` is "module:function", called with `options` (plain JSON values); it
    returns a :class:`~cosmos_policy.world_action_model.WorldActionModel`."""

    loader: str
    options: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ServerSettings:
    """Everything that a server is started with.

    embodiment: the robot that is served; a server serves one. seed: where sessions without a seed of their own start
    drawing. missing_views: "refuse", or "blank" to fill cameras that a dialect does not send with black, said in every
    answer. inject_latency_ms: added to every computation, for rehearsals. threads: CPU threads of the model; None
    leaves it to torch. warm_up_batches: numbers of requests at once that are compiled for before the server is ready.
    warm_up_instructions: read then, where they are known beforehand. warm_up_calls: which calls; empty: policy.
    """

    model: ModelSource
    embodiment: str
    host: str = "127.0.0.1"
    port: int = 8000
    seed: int = 0
    missing_views: str = "refuse"
    inject_latency_ms: float = 0.0
    threads: int | None = None
    warm_up_batches: tuple[int, ...] = (1,)
    warm_up_instructions: tuple[str, ...] = ()
    warm_up_calls: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    scheduling: Scheduling = field(default_factory=Scheduling)
    security: Security = field(default_factory=Security)
