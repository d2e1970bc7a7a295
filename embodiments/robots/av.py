"""AV: an autonomous vehicle's front camera, 9 columns. In model space translations are 1.35 times as long.

Axes of the camera: x right, y DOWN, z forward (OpenCV). Source: cosmos-framework at 5eee9ed, `pose_utils`
(OpenMDW-1.1); `golden/av.npz`.
"""

from __future__ import annotations

from embodiments import normalizers
from embodiments.blocks import PoseBlock
from embodiments.embodiment import Embodiment
from embodiments.pose_sources import PoseMatrix
from embodiments.views import SingleView

TRANSLATION_SCALE = 1.35

EMBODIMENT = Embodiment(
    name="av",
    title="Autonomous vehicle, front camera",
    domain_name="av",
    domain_id=1,
    fps=10.0,
    chunk_size=60,
    blocks=(PoseBlock("camera", source=PoseMatrix("camera_to_world", "front camera to world, OpenCV axes")),),
    view_layout=SingleView("front"),
    view_label="ego_view",
    instruction_default="You are an autonomous vehicle planning system.",
    normalizer=normalizers.translation_scale(TRANSLATION_SCALE, 9, (slice(0, 3),)),
    example_image_size=(480, 832),
)
