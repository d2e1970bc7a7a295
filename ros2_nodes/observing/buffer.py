"""The newest sample of one stream."""

from __future__ import annotations

from ros2_nodes.observing.samples import Sample


class StreamBuffer:
    """Holds one sample: what came last. A camera that restarts its clock is judged by its new stamps."""

    def __init__(self) -> None:
        self.newest: Sample | None = None
        self.count = 0
        """Samples that came since the start."""

    def put(self, sample: Sample) -> None:
        self.newest = sample
        self.count += 1

    def clear(self) -> None:
        """Forget the sample: its stamp means nothing any more."""
        self.newest = None
