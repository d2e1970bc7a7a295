"""``cosmos-policy reason`` as people type it."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from cosmos_policy.cli.main import run
from cosmos_policy.local_model import LocalModel
from cosmos_policy.media import read_video, write_video
from cosmos_policy.types import Reply


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """arguments -> (exit code, stdout, stderr), in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def type_in(*arguments):
        monkeypatch.setattr(sys, "argv", ["cosmos-policy", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return type_in


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "scene.png"
    Image.fromarray(np.full((96, 128, 3), 128, np.uint8)).save(path)
    return path


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "drive.mp4"
    write_video(path, np.full((20, 64, 96, 3), 128, np.uint8), 10.0)
    return path


@pytest.fixture
def says(monkeypatch):
    """answers -> the loaded model gives them in turn: what tiny itself says has no form that could be drawn."""

    def script(*answers):
        left = list(answers)
        monkeypatch.setattr(
            LocalModel, "_run_reason", lambda self, requests: [Reply(left.pop(0), "I look.", "stop", 1, 1)]
        )

    return script


def test_an_answer_comes_in_words(typed, picture, single_thread):
    code, out, err = typed("reason", "What is red?", "--image", picture, "--max-tokens", 8, "--seed", 3)
    assert code == 0 and out.strip() and "cut off at --max-tokens 8" in err
    code, told, _ = typed("reason", "What is red?", "--image", picture, "--max-tokens", 8, "--seed", 3, "--json")
    reply = json.loads(told)
    assert reply["text"] + "\n" == out and reply["completion_tokens"] == 8 and reply["timing_ms"]["total"] > 0


def test_boxes_are_drawn_on_the_picture(typed, picture, says, tmp_path):
    says('```json\n[{"bbox_2d": [250, 250, 750, 750], "label": "cube"}]\n```')
    code, out, err = typed("reason", "--task", "grounding-2d", "--image", picture, "the red cube")
    assert code == 0 and json.loads(out)["boxes"][0]["x1_px"] == 32.0
    assert "drawn on scene_grounding-2d.png" in err and "I look." in err
    drawn = np.asarray(Image.open(tmp_path / "scene_grounding-2d.png"))
    assert (drawn[24, 64] != 128).any() and (drawn[48, 64] == 128).all()


def test_tracks_and_events_are_drawn_on_the_video(typed, film, says, tmp_path):
    says('[{"time": 0, "bbox_2d": [0, 0, 500, 500], "label": "car"}, {"time": 1, "bbox_2d": [0, 0, 500, 500]}]')
    code, out, _ = typed(
        "reason", "--task", "grounding-2d", "--video", film, "the car", "--output", "out/tracks.mp4", "--json"
    )
    assert code == 0 and json.loads(out)["drawn"] == "out/tracks.mp4"
    frames, rate = read_video(tmp_path / "out/tracks.mp4")
    assert (len(frames), rate) == (20, 10.0) and np.ptp(frames[0].astype(int)) > 60
    says('{"start": 0.5, "end": 1.0}')
    code, _, _ = typed("reason", "--task", "temporal-localization", "--video", film, "it stops")
    assert code == 0
    frames, _ = read_video(tmp_path / "drive_temporal-localization.mp4")
    assert np.ptp(frames[7].astype(int)) > 60 > np.ptp(frames[1].astype(int))


def test_what_cannot_be_read_is_printed_and_fails(typed, picture, says, tmp_path):
    says("On the left.", "Still on the left.")
    code, out, err = typed("reason", "--task", "grounding-2d", "--image", picture, "the cube")
    assert code == 1 and out == "Still on the left.\n"
    assert "The answer cannot be read: it holds no JSON. It was asked twice" in err
    assert not (tmp_path / "scene_grounding-2d.png").exists()


def test_a_drawing_that_cannot_be_written_is_told(typed, picture, says, tmp_path):
    (tmp_path / "taken").write_text("a file")
    says('[{"bbox_2d": [0, 0, 9, 9]}]')
    code, _, err = typed("reason", "--task", "grounding-2d", "--image", picture, "x", "--output", "taken/x.jpg")
    assert code == 1 and len([line for line in err.splitlines() if line.startswith("cosmos-policy:")]) == 1


def test_the_tasks_are_listed(typed):
    code, out, _ = typed("reason", "--task", "list")
    assert code == 0 and len(out.splitlines()) == 9 and out.startswith("action-chain-of-thought")
    assert len(json.loads(typed("reason", "--task", "list", "--json")[1])) == 9


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "There is nothing to answer"),
        (["--task", "dance", "--image", "x.png"], "There is no task 'dance'; expected one of"),
        (["--task", "caption"], "asked of one picture or one video; there are 0"),
        (["hi", "--image", "nowhere.png"], "there is no file nowhere.png"),
        (["hi", "--output", "x.png"], "--output goes with --task"),
        (["hi", "--temperature", "-1"], "temperature is -1.0; expected a number 0 to 100"),
        (["--task", "caption", "--image", "scene.png", "--output", "x.mp4"], "cannot hold a drawn image"),
        (["--task", "caption", "--image", "scene.png", "--system", "x"], "a task has its own"),
        (["--task", "grounding-2d", "--image", "scene.png"], "grounding-2d needs a question"),
        (["--task", "temporal-localization", "--video", "drive.mp4", "--interval", "1-2"], "is not start,end"),
        (["--task", "temporal-localization", "--video", "drive.mp4", "--interval", "1,9"], "the video lasts 2.00 s"),
    ],
)
def test_wrong_use_is_told_in_one_line(typed, picture, film, arguments, sentence, single_thread):
    code, out, err = typed("reason", *arguments)
    assert code == 2 and not out and sentence in err.splitlines()[-1]
