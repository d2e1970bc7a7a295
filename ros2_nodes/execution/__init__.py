"""Chunks aligned by time, asked for ahead of need, and joined to one smooth motion that always ends at rest."""

from ros2_nodes.execution.inference import Answer, Inference
from ros2_nodes.execution.motion import Motion
from ros2_nodes.execution.path import Path, Start
from ros2_nodes.execution.replanner import Replanner
from ros2_nodes.execution.time_law import TimeLaw
from ros2_nodes.execution.timeline import ChunkTimeline, Knots, sample_trajectory
from ros2_nodes.execution.worker import InferenceWorker

__all__ = [
    "Answer",
    "ChunkTimeline",
    "Inference",
    "InferenceWorker",
    "Knots",
    "Motion",
    "Path",
    "Replanner",
    "Start",
    "TimeLaw",
    "sample_trajectory",
]
