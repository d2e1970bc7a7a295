"""Engine requests small enough for a CPU."""

from __future__ import annotations

import numpy as np

from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.inputs import PromptFacts, fit_frames, json_prompt
from cosmos_policy.types import Sampling

STEPS, GUIDANCE, SHIFT = 3, 3.0, 5.0


def make_request(mode: str, video: bool = False, size: tuple[int, int] = (192, 320), **changes) -> EngineRequest:
    """Four actions and five frames on the tier-256 canvas. size: (height, width) of the frame in pixels."""
    random = np.random.default_rng(3)
    known = {"inverse_dynamics": 5, "generate": 0}.get(mode, 1)
    canvas, fit = fit_frames(random.integers(0, 256, (5, *size, 3), dtype=np.uint8), 256)
    facts = PromptFacts("fold the towel", "ego_view", "", 5, 15.0, fit.canvas_height, fit.canvas_width)
    rows = 0 if mode == "generate" else 4
    fields = {
        "mode": mode,
        "prompt": json_prompt(facts),
        "frames": canvas[:known],
        "fit": fit,
        "num_frames": 5,
        "rows": random.normal(size=(rows, 10)).astype(np.float32),
        "clean_rows": np.full(rows, mode == "forward_dynamics"),
        "row_offset": 1,
        "domain_name": "droid_lerobot",
        "domain_id": 8,
        "fps": 15.0,
        "sampling": Sampling(STEPS, GUIDANCE, SHIFT, 256),
        "seed": 11,
        "video": video,
    }
    return EngineRequest(**{**fields, **changes})
