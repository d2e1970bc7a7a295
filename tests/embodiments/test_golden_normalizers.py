"""normaliser_edge_cases.npz: every kind, both ways, with degenerate columns."""

from __future__ import annotations

import numpy as np

from embodiments import normalizers
from embodiments.statistics import QUANTITIES, make_statistics

# golden prefix, golden kind -> our kind, clamp
FORWARD = {
    ("basic", "quantile"): ("quantile", False),
    ("basic", "minmax"): ("minmax", False),
    ("basic", "meanstd"): ("meanstd", False),
    ("affine", "quantile_rot"): ("quantile_rot", False),
    ("affine", "quantile_rot_clamped"): ("quantile_rot", True),
    ("affine", "quantile_rot_scale_floor"): ("quantile_rot_scale_floor", False),
    ("affine", "quantile_rot_scale_floor_clamped"): ("quantile_rot_scale_floor", True),
    ("affine", "asinh_rot"): ("asinh_rot", False),
    ("affine", "piecewise_asinh_rot"): ("piecewise_asinh_rot", False),
    ("affine", "minmax"): ("minmax_resolver", False),
    ("affine", "minmax_clamped"): ("minmax_resolver", True),
    ("affine", "meanstd"): ("meanstd_resolver", False),
    ("libero_server", "quantile"): ("libero_server", False),
}


def test_every_kind(watched):
    arrays = watched("normaliser_edge_cases.npz")
    values = {quantity: arrays[f"stat_{quantity}"].astype(np.float64) for quantity in QUANTITIES}
    statistics = make_statistics("edge cases", "golden", values)
    for (prefix, kind), (ours, clamp) in FORWARD.items():
        normalizer = normalizers.make(ours, statistics, clamp)
        for direction, source, function in (
            ("norm", "x", normalizer.normalize),
            ("denorm", "z", normalizer.denormalize),
        ):
            key = f"{prefix}_{direction}_{kind}"
            if f"{key}_f64" not in arrays:
                continue
            single = arrays[source]
            np.testing.assert_allclose(
                function(single.astype(np.float64)), arrays[f"{key}_f64"], rtol=1e-12, atol=1e-12, err_msg=key
            )
            assert function(single).dtype == np.float32
            # Training's own float32 is less exact than ours, most of all in the degenerate columns: there it may be
            # off by all the rounding of the statistics divided by the span. Ours must be as near to the truth.
            golden32, golden64 = arrays[f"{key}_f32"], arrays[f"{key}_f64"]
            ours32 = function(single)
            theirs = np.abs(golden32 - golden64)
            assert (np.abs(ours32 - golden64) <= theirs + 2e-7 * np.maximum(1.0, np.abs(golden64))).all(), key
    arrays.require_all_read()
