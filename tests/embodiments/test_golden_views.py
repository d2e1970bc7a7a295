"""images_concat.npz: the views as training lays them out."""

from __future__ import annotations

import re

import numpy as np

import embodiments


def test_droid_composition(watched):
    arrays = watched("images_concat.npz")
    droid = embodiments.get("droid")
    for case in sorted({int(match[1]) for key in arrays if (match := re.match(r"c(\d+)_wrist$", key))}):
        images = {
            "wrist": arrays[f"c{case}_wrist"],
            "exterior_1": arrays[f"c{case}_exterior_1_left"],
            "exterior_2": arrays[f"c{case}_exterior_2_left"],
        }
        frame = droid.compose(images)
        difference = np.abs(frame.astype(int) - arrays[f"c{case}_concat_dataset_u8"])
        wrist = images["wrist"].shape
        halved = all(image.shape == wrist for image in images.values()) and not (wrist[0] % 2 or wrist[1] % 2)
        assert difference.max() <= (0 if halved else 1), f"case {case}: off by {difference.max()} levels"
        server = np.abs(frame.astype(int) - arrays[f"c{case}_concat_server_u8"])
        assert server.max() <= 1, f"case {case}: the server's path is more than one level away"
        if arrays[f"c{case}_concat_float"].size:
            exact = arrays[f"c{case}_concat_float"] * 255.0
            assert np.abs(frame - exact).max() < 1.0 + 1e-3, f"case {case}: not the truncated float composition"
        views = droid.split(frame)
        np.testing.assert_array_equal(views["wrist"], images["wrist"])
        assert views["exterior_1"].shape == views["exterior_2"].shape == (wrist[0] // 2, wrist[1] // 2, 3)
