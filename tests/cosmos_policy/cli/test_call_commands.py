"""``policy``, ``inverse-dynamics`` and ``forward-dynamics`` from files to files, as typed."""

import json

import numpy as np
import pytest
from PIL import Image

from cosmos_policy.media import read_video, write_video


@pytest.fixture
def robot_files(tmp_path, droid, observation):
    views = []
    for view, image in observation.images.items():
        Image.fromarray(image).save(tmp_path / f"{view}.png")
        views += ["--image", f"{view}={tmp_path / view}.png"]
    state = {name: np.asarray(values).tolist() for name, values in observation.state.items()}
    (tmp_path / "state.json").write_text(json.dumps(state))
    Image.fromarray(droid.compose(observation.images)).save(tmp_path / "composed.png")
    return tmp_path, views


def test_a_chunk_goes_from_policy_to_a_video_and_back(command, robot_files, tiny, observation, caplog):
    folder, views = robot_files
    quick = ("--embodiment", "droid", "--num-inference-steps", 1)
    code, out, _ = command(
        "policy", *quick, "--instruction", "lift", *views, "--state", folder / "state.json", "--chunk-size", 4,
        "--output", folder / "chunk.json",
    )  # fmt: skip
    assert (code, out) == (0, "")
    assert "droid: normaliser quantile, clamped" in caplog.text  # pytest holds what would go to stderr
    chunk = json.loads((folder / "chunk.json").read_text())
    expected = tiny.policy(
        observation, "lift", embodiment="droid", chunk_size=4, sampling=type(tiny.info.sampling)(num_inference_steps=1)
    )
    np.testing.assert_allclose(chunk["unified"], expected.unified, atol=1e-5)
    np.testing.assert_allclose(chunk["commands"]["gripper_position"], expected.commands["gripper_position"], atol=1e-5)

    code, out, _ = command(
        "forward-dynamics", *quick, "--image", folder / "composed.png", "--actions", folder / "chunk.json",
        "--output", folder / "seen.mp4",
    )  # fmt: skip
    assert code == 0
    frames, fps = read_video(folder / "seen.mp4")
    assert (len(frames), fps) == (5, pytest.approx(15))

    code, out, _ = command("inverse-dynamics", *quick, "--video", folder / "seen.mp4", "--chunk-size", 4)
    assert code == 0
    assert np.shape(json.loads(out)["unified"]) == (4, 10)


def test_wrong_files_cost_one_line(command, robot_files):
    folder, views = robot_files
    base = ("--embodiment", "droid")
    write_video(folder / "fast.mp4", np.zeros((5, 32, 32, 3), np.uint8), fps=30)
    (folder / "broken.json").write_text("{")
    wrong = {
        "is not of the form name=value": ("policy", *base, "--instruction", "x", "--image", "wrist"),
        "names wrist twice": ("policy", *base, "--instruction", "x", "--image", "wrist=a", "--image", "wrist=b"),
        "There is no picture": ("policy", *base, "--instruction", "x", "--image", "wrist=none.png"),
        "is no JSON": ("policy", *base, "--instruction", "x", *views, "--state", folder / "broken.json"),
        "cannot be read: Is a directory": ("policy", *base, "--instruction", "x", *views, "--state", folder),
        "holds 5 frames; 16 actions need 17": ("inverse-dynamics", *base, "--video", folder / "fast.mp4"),
        "was trained at 15": ("inverse-dynamics", *base, "--video", folder / "fast.mp4", "--chunk-size", 4),
    }
    for reason, arguments in wrong.items():
        code, out, err = command(*arguments)
        assert (code, out) == (2, ""), reason
        assert reason in err
