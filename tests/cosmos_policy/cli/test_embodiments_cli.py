"""cosmos-policy embodiments: what is printed, the exit codes, and one line for wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embodiments

COMMAND = [sys.executable, "-c", "from cosmos_policy.cli.main import run; run()", "embodiments"]
EXAMPLE = Path(__file__).parents[3] / "docs" / "my_robot.yaml"


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=cwd)


def test_the_table_names_every_robot():
    done = run()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + len(embodiments.names())
    for name, line in zip(embodiments.names(), lines[1:], strict=True):
        robot = embodiments.get(name)
        assert line.split()[:2] == [name, robot.domain_name]
        for part in (str(robot.action_dim), robot.view_layout.describe(), f"{robot.fps:g}"):
            assert part in line


def test_json_is_the_same_for_list_and_none():
    plain, listed = run("--json"), run("list", "--json")
    assert plain.returncode == listed.returncode == 0
    rows = json.loads(plain.stdout)
    assert rows == json.loads(listed.stdout)
    assert [row["name"] for row in rows] == list(embodiments.names())


@pytest.mark.parametrize("name", ["ur", "agibot", "egocentric", "libero", "pusht", "droid_joint"])
def test_show_explains_every_column(name):
    robot = embodiments.get(name)
    done = run("show", name)
    assert done.returncode == 0, done.stderr
    for field in robot.fields:
        assert field.name in done.stdout
    told = json.loads(run("show", name, "--json").stdout)
    assert [column["name"] for column in told["columns"]] == list(robot.action_names)
    assert all(column["unit"] for column in told["columns"])


def test_check():
    done = run("check", "droid")
    assert done.returncode == 0, done.stderr
    assert "droid conforms" in done.stdout
    told = json.loads(run("check", str(EXAMPLE), "--json").stdout)
    assert told["passed"] is True
    assert {finding["level"] for finding in told["findings"]} <= {"passed", "note", "unknown"}


def test_check_fails_with_exit_code_1(tmp_path):
    wrong = tmp_path / "robot.yaml"
    wrong.write_text(EXAMPLE.read_text().replace("model: {open: 1, closed: 0}", "model: {open: 0, closed: 1}"))
    done = run("check", str(wrong))
    assert done.returncode == 1
    assert "would close when it should open" in done.stdout
    assert done.stderr.splitlines() == ["cosmos-policy: my_robot does not conform: 1 finding failed"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "drood"], "did you mean 'droid'"),
        (["check", "droid", "--dataset", "/no/such/folder"], "there is no dataset folder"),
        (["check", "droid", "--dataset", "."], "has no meta/info.json"),
        (["check", "absent.yaml"], "cannot read the robot file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments, told, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def write_tables(folder: Path, frames: int = 150, fps: int = 10) -> Path:
    """The numbers of a LeRobot dataset of the example robot; no video is looked at by check and fit."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    robot = embodiments.get(EXAMPLE)
    (folder / "meta").mkdir(parents=True)
    (folder / "data" / "chunk-000").mkdir(parents=True)
    features = {name: {"dtype": "float32", "shape": [7]} for name in ("observation.state", "action")}
    (folder / "meta" / "info.json").write_text(json.dumps({"fps": fps, "features": features}))
    columns: dict[str, list] = {"observation.state": [], "action": [], "episode_index": [], "frame_index": []}
    for episode in range(3):
        trajectory = robot.example_trajectory(frames - 1, episode)
        state = np.pad(trajectory.states["tool_pose"], ((0, 0), (0, 1)))
        grip = np.append(trajectory.commands["gripper_width"][:, 0], 0.0)
        columns["observation.state"] += state.tolist()
        columns["action"] += np.pad(grip[:, None], ((0, 0), (6, 0))).tolist()
        columns["episode_index"] += [episode] * frames
        columns["frame_index"] += list(range(frames))
    pq.write_table(pa.table(columns), folder / "data" / "chunk-000" / "file-000.parquet")
    return folder


def test_fit_then_check(tmp_path):
    """The whole way of a new robot: fit, put the printed line into the file, check against the recordings."""
    dataset = write_tables(tmp_path / "recordings")
    robot_file = tmp_path / "my_robot.yaml"
    robot_file.write_text(EXAMPLE.read_text())
    fitted = run("fit", "--dataset", str(dataset), "--embodiment", str(robot_file))
    assert fitted.returncode == 0, fitted.stderr
    line = fitted.stdout.splitlines()[-1].partition("in the robot file: ")[2]
    robot_file.write_text(EXAMPLE.read_text().replace("normalizer: {kind: missing}", line))
    robot = embodiments.load(robot_file)
    assert robot.normalizer.statistics.width == robot.action_dim
    checked = run("check", str(robot_file), "--dataset", str(dataset))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "share outside by column" in checked.stdout


def test_a_rate_that_does_not_divide_is_refused(tmp_path):
    dataset = write_tables(tmp_path / "recordings", fps=15)
    done = run("check", str(EXAMPLE), "--dataset", str(dataset))
    assert done.returncode == 2
    assert "recorded at 15 Hz, my_robot runs at 10 Hz" in done.stderr


def test_the_real_episode(shared_data):
    done = run("check", "droid", "--dataset", str(shared_data / "droid_lerobot_v3"))
    assert done.returncode == 0, done.stdout + done.stderr
    refused = run("check", "droid_joint", "--dataset", str(shared_data / "droid_lerobot_v3"))
    assert refused.returncode == 2
    assert "joint_positions' is 1 wide" in refused.stderr
