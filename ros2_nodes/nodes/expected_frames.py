"""What the model expects to see, published when it expects to see it."""

from __future__ import annotations

from rclpy.node import Node
from sensor_msgs.msg import Image

from cosmos_policy.types import ActionChunk
from ros2_nodes.conversions.images import to_image


class ExpectedFrames:
    """~/predicted_video: of the present chunk's frames, the one that is due."""

    def __init__(self, node: Node) -> None:
        self.publisher = node.create_publisher(Image, "~/predicted_video", 10)
        self._chunk: ActionChunk | None = None
        self._shown = -1

    def follow(self, chunk: ActionChunk) -> None:
        """From now on the frames of this chunk; of one without a video, none."""
        self._chunk, self._shown = (chunk if chunk.video is not None else None), -1

    def show(self, now_s: float) -> None:
        """Publish the frame that is due at `now_s` (clock of message stamps), once."""
        if self._chunk is None:
            return
        due = int((now_s - self._chunk.stamp) / self._chunk.dt)
        if due != self._shown and 0 <= due < len(self._chunk.video):
            self._shown = due
            self.publisher.publish(to_image(self._chunk.video[due], self._chunk.stamp + due * self._chunk.dt))
