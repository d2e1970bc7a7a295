"""What is counted and timed, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """One server's numbers, in a registry of their own, so that two servers in one process do not mix."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def named(kind, name: str, words: str, *args, **options):
            return kind(f"cosmos_policy_{name}", words, *args, registry=registry, **options)

        self.requests = named(Counter, "requests_total", "Requests by how they ended", ("call", "dialect", "outcome"))
        self.request_seconds = named(
            Histogram, "request_seconds", "From arrival to answer", ("call", "dialect"), buckets=SECONDS
        )
        self.stage_seconds = named(
            Histogram, "stage_seconds", "Stages inside the model", ("call", "stage"), buckets=SECONDS
        )
        self.queue_depth = named(Gauge, "queue_depth", "Requests that wait")
        self.queue_seconds = named(Histogram, "queue_seconds", "Waiting in the queue", buckets=SECONDS)
        self.batch_size = named(Histogram, "batch_size", "Requests computed together", buckets=(1, 2, 4, 8, 16, 32))
        self.dropped = named(Counter, "dropped_total", "Requests that were not computed", ("reason",))
        self.late = named(Counter, "late_total", "Answers after their deadline")
        self.connections = named(Gauge, "websocket_connections", "Open WebSocket connections")
        self.sessions = named(Gauge, "sessions", "Sessions that are remembered")
        self.worker_ready = named(Gauge, "worker_ready", "1 while the worker can compute")
        self.worker_restarts = named(Counter, "worker_restarts_total", "Times the worker was started anew")
        self.worker_load_seconds = named(Gauge, "worker_load_seconds", "The last loading and warm-up")
        self.gpu_memory = named(Gauge, "gpu_memory_bytes", "Device memory of the worker", ("kind",))
        self.jobs = named(Gauge, "video_jobs", "Video jobs by status", ("status",))
