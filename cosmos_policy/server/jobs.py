"""Video jobs: they wait, run, survive a restart of the worker, and expire."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cosmos_policy.server.errors import NotFound, NotReady, NotYet, Overloaded, Refusal, WorkerLost
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.settings import Limits

logger = logging.getLogger(__name__)
#: A job whose worker died this often is likely the cause.
MOST_ATTEMPTS = 3
#: Jobs under way at once: they share the queue with robots, and must not fill it.
AT_ONCE = 2
PAUSE_S = 1.0
STATUSES = ("queued", "in_progress", "completed", "failed")


@dataclass(frozen=True)
class Product:
    """What a finished job holds. video: MP4 bytes, or None where the mode makes none. action: JSON of the chunk."""

    video: bytes | None
    action: dict[str, Any] | None


@dataclass(eq=False)
class Job:
    """One asynchronous request. Times are Unix seconds. progress: in percent."""

    owner: str
    description: dict[str, Any]
    identity: str = field(default_factory=lambda: f"video_{uuid.uuid4().hex}")
    status: str = "queued"
    progress: int = 0
    created_at: float = field(default_factory=time.time)
    completed_at: float | None = None
    expires_at: float | None = None
    product: Product | None = None
    error: Refusal | None = None
    task: asyncio.Task | None = None

    def note(self, event: Mapping[str, Any]) -> None:
        """Take what a generation says on its way."""
        if "step" in event:
            self.progress = min(99, 100 * event["step"] // event["steps"])


class Jobs:
    """All jobs of one server; each is seen by its owner only."""

    def __init__(self, limits: Limits, metrics: Metrics, clock: Callable[[], float] = time.time):
        self._limits, self._metrics, self._clock = limits, metrics, clock
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._places = asyncio.Semaphore(AT_ONCE)

    def start(self, job: Job, make: Callable[[], Awaitable[Product]]) -> Job:
        """Queue `job`; `make` computes its product and may be called again when the worker died under it."""
        self._expire()
        unfinished = sum(other.completed_at is None for other in self._jobs.values())
        if unfinished >= self._limits.jobs:
            raise Overloaded(f"{unfinished} video jobs are unfinished, which is the limit.", retry_after_s=10.0)
        self._jobs[job.identity] = job
        job.task = asyncio.create_task(self._run(job, make))
        self._count()
        return job

    def get(self, identity: str, owner: str) -> Job:
        """The job; raises :class:`NotFound` where there is none (any more), or it is somebody else's."""
        self._expire()
        job = self._jobs.get(identity)
        if job is None or job.owner != owner:
            raise NotFound(f"There is no video job {identity[:80]!r}; finished jobs expire.")
        return job

    def of(self, owner: str) -> list[Job]:
        """The owner's jobs, newest first."""
        self._expire()
        return [job for job in reversed(self._jobs.values()) if job.owner == owner]

    def delete(self, identity: str, owner: str) -> Job:
        """Forget the job, and stop it where it runs."""
        job = self.get(identity, owner)
        if job.task is not None:
            job.task.cancel()
        del self._jobs[identity]
        self._count()
        return job

    def content(self, identity: str, owner: str) -> bytes:
        """The finished job's MP4."""
        job = self.get(identity, owner)
        if job.error is not None:
            raise NotYet(f"The job failed: {job.error}")
        if job.product is None:
            raise NotYet(f"The job is {job.status}; ask again when it is completed.", retry_after_s=2.0)
        if job.product.video is None:
            raise NotFound("Inverse dynamics makes no video; the job's `action` holds its answer.")
        return job.product.video

    async def close(self) -> None:
        """Stop everything."""
        running = [job.task for job in self._jobs.values() if job.task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, job: Job, make: Callable[[], Awaitable[Product]]) -> None:
        attempts = 0
        async with self._places:
            job.status = "in_progress"
            self._count()
            while job.completed_at is None:
                attempts += 1
                try:
                    self._finish(job, await make(), None)
                except (WorkerLost, NotReady, Overloaded) as passing:
                    if isinstance(passing, WorkerLost) and attempts >= MOST_ATTEMPTS:
                        self._finish(job, None, passing)
                    await asyncio.sleep(PAUSE_S)
                except Refusal as refusal:
                    self._finish(job, None, refusal)
                except Exception:
                    logger.exception("a video job failed")
                    self._finish(job, None, Refusal("The server failed on this job; its log says why."))

    def _finish(self, job: Job, product: Product | None, error: Refusal | None) -> None:
        job.product, job.error = product, error
        job.status = "failed" if product is None else "completed"
        job.progress = job.progress if product is None else 100
        job.completed_at = self._clock()
        job.expires_at = job.completed_at + self._limits.job_expiry_s
        self._expire()
        self._count()

    def _expire(self) -> None:
        """Drop what is past its time, then the oldest finished ones beyond the memory that jobs may hold."""
        now = self._clock()
        for identity in [key for key, job in self._jobs.items() if job.expires_at is not None and job.expires_at < now]:
            del self._jobs[identity]
        held = [job for job in self._jobs.values() if job.product is not None and job.product.video is not None]
        total = sum(len(job.product.video) for job in held)
        while held and total > self._limits.job_bytes:
            oldest = held.pop(0)
            total -= len(oldest.product.video)
            del self._jobs[oldest.identity]

    def _count(self) -> None:
        for status in STATUSES:
            self._metrics.jobs.labels(status).set(sum(job.status == status for job in self._jobs.values()))
