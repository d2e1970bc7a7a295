"""``cosmos-policy generate``: each mode from files to a file, and wrong use told before anything is loaded."""

import numpy as np
import pytest
from PIL import Image

from cosmos_policy.media import read_settings, read_video, write_video

QUICK = ("--device", "cpu", "--num-inference-steps", "2", "--seed", "3")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    frames = np.random.default_rng(0).integers(0, 256, (9, 96, 160, 3), dtype=np.uint8)
    write_video(folder / "clip.mp4", frames, 24)
    Image.fromarray(frames[0]).save(folder / "first.png")
    return folder


MODES = {
    "text-to-image": (["--size", "256x256"], "out.png"),
    "text-to-video": (["--num-frames", "5", "--sound", "--fps", "30"], "out.mp4"),
    "image-to-video": (["--num-frames", "5", "--image", "{}/first.png", "--negative-prompt", "blur"], "out.mp4"),
    "video-to-video": (["--num-frames", "9", "--video", "{}/clip.mp4", "--condition-frames", "0"], "out.mp4"),
    "transfer": (["--control", "depth={}/clip.mp4", "--compute-control", "edge={}/clip.mp4"], "out.mp4"),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode(command, mode, inputs, tmp_path):
    options, name = MODES[mode]
    words = [option.format(inputs) for option in options]
    code, out, err = command("generate", "a robot", "--output", tmp_path / name, *QUICK, *words)
    assert code == 0, err
    assert "step 2 of 2" in err or mode == "transfer"
    settings = read_settings(tmp_path / name)
    assert (settings["mode"], settings["seed"]) == (mode, 3)
    assert settings["sampling"]["num_inference_steps"] == 2
    if name.endswith("png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (256, 256)
        return
    frames, fps = read_video(tmp_path / name)
    assert frames.shape == ({"video-to-video": 9, "transfer": 9}.get(mode, 5), 192, 320, 3)
    assert fps == (30 if mode == "text-to-video" else 24)
    assert ("with sound" in out) == (mode == "text-to-video")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "a.gif"], "ends in .mp4"),
        (["--output", "a.mp4", "--num-frames", "1"], "ends in .png"),
        (["--output", "a.mp4", "--size", "big"], "no size"),
        (["--output", "a.mp4", "--size", "833x480"], "nearest: 832x480"),
        (["--output", "a.mp4", "--fps", "25"], "nearest: 24"),
        (["--output", "a.mp4", "--image", "none.png"], "There is no picture"),
        (["--output", "a.mp4", "--control", "edge"], "name=value"),
        (["--output", "a.mp4", "--control", "edge=a", "--compute-control", "edge=b"], "given both"),
        (["--output", "a.mp4", "--condition-frames", "first"], "no list"),
    ],
)
def test_wrong_use_is_told_before_anything_is_loaded(command, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = command("generate", "a robot", *options)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1 and "loaded" not in err
    assert not list(tmp_path.iterdir())
