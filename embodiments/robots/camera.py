"""A free camera, 9 columns. Its translation scale is not published: it must come from the user.

Source: cosmos-framework at 5eee9ed, `pose_utils` (OpenMDW-1.1); `golden/camera_pose.npz`.
"""

from __future__ import annotations

from embodiments.blocks import PoseBlock
from embodiments.embodiment import Embodiment
from embodiments.normalizers import Missing
from embodiments.pose_sources import PoseMatrix
from embodiments.views import SingleView

EMBODIMENT = Embodiment(
    name="camera",
    title="Free camera",
    domain_name="camera_pose",
    domain_id=2,
    aliases=("camera_pose",),
    fps=30.0,
    chunk_size=60,
    blocks=(PoseBlock("camera", source=PoseMatrix("camera_to_world", "camera to world, OpenCV axes")),),
    view_layout=SingleView("main"),
    view_label="ego_view",
    normalizer=Missing(
        "NVIDIA has not published the translation scale of the camera domain (copies of the training configuration by "
        "others say 10: `normalizers.translation_scale(10.0, 9, (slice(0, 3),))`)"
    ),
    example_image_size=(480, 832),
    unknowns=("translation scale",),
)
