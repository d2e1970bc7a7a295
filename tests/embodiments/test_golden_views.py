"""images_concat.npz: the views as training lays them out."""

from __future__ import annotations

import re

import numpy as np

import embodiments
from embodiments.views import SideBySide, resize_bilinear


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


def test_libero_composition(watched):
    arrays = watched("images_concat.npz")
    size = int(arrays["libero_image_size"])
    layout = SideBySide("third_person", "wrist", size)
    frame = layout.compose({"third_person": arrays["libero_image"], "wrist": arrays["libero_wrist"]})
    difference = np.abs(frame.astype(int) - arrays["libero_concat_u8"])
    assert difference.max() <= 1, f"off by {difference.max()} levels"
    assert {view: cut.shape for view, cut in layout.split(frame).items()} == {
        "third_person": (size, size, 3),
        "wrist": (size, size, 3),
    }


def test_server_resize(watched):
    arrays = watched("images_concat.npz")
    golden = [key for key in arrays if re.match(r"server_resize_\d", key)]
    assert golden
    for key in golden:
        height, width = map(int, key.rpartition("_")[2].split("x"))
        ours = resize_bilinear(arrays["server_resize_in"], height, width)
        assert np.abs(ours.astype(int) - arrays[key]).max() <= 1, key


def test_nothing_left_out(golden_arrays):
    pattern = r"c\d+_(wrist|exterior_[12]_left|concat_(float|dataset_u8|server_u8))|libero_\w+|server_resize_\w+"
    assert [key for key in golden_arrays("images_concat.npz") if not re.fullmatch(pattern, key)] == []
