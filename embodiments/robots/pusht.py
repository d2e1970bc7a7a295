"""PushT: a point that pushes a T in the plane, 2 columns. Cosmos publishes its slot, width and view, nothing else."""

from __future__ import annotations

from embodiments.blocks import VectorBlock
from embodiments.columns import Column
from embodiments.embodiment import Embodiment
from embodiments.normalizers import Missing
from embodiments.views import SingleView

EMBODIMENT = Embodiment(
    name="pusht",
    title="PushT in the plane",
    domain_name="pusht",
    domain_id=4,
    fps=10.0,
    chunk_size=16,
    blocks=(
        VectorBlock(
            "pusher",
            quantity="position",
            block_kind="position",
            specs=(Column("pos_x", "position", "1"), Column("pos_y", "position", "1")),
            meaning="absolute target of the pusher: x, y in the recording's own unit",
        ),
    ),
    view_layout=SingleView("top_down"),
    view_label="top_down_2d_view",
    normalizer=Missing("Cosmos publishes neither data nor statistics for PushT, nor its coordinates and their scale"),
    resolution_tier=256,
    example_image_size=(96, 96),
    notes="Rate and chunk length are those of the public PushT recordings and of Cosmos' other robots, not published.",
    unknowns=("statistics", "coordinates", "rate", "chunk length"),
)
