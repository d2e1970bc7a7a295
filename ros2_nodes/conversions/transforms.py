"""TF messages into the core's tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from ros2_nodes.observing.messages import seconds_of
from ros2_nodes.observing.transforms import TransformTree


def put_transforms(tree: TransformTree, message: Any, static: bool) -> None:
    """Put every transform of a tf2_msgs/TFMessage into the tree. static: whether it came on /tf_static."""
    for link in message.transforms:
        move, turn = link.transform.translation, link.transform.rotation
        tree.put(
            link.header.frame_id,
            link.child_frame_id,
            seconds_of(link.header.stamp),
            np.array([move.x, move.y, move.z]),
            np.array([turn.x, turn.y, turn.z, turn.w]),
            static,
        )
