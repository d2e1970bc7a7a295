"""The commands as a user types them: exit codes, one line on stderr, JSON on stdout."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: (exit code, stdout, stderr)."""
    from cosmos_policy.cli import main

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cosmos-policy", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main.run()
        return end.value.code or 0, *capsys.readouterr()

    return command


@pytest.mark.parametrize("command", ["replay", "demo"])
def test_help_has_an_example_and_loads_nothing_heavy(command):
    code = (
        "import sys; from cosmos_policy.cli.main import app\n"
        f"try: app(['{command}', '--help'], standalone_mode=False)\n"
        "finally: assert not {'torch', 'lerobot', 'plotly', 'skimage'} & set(sys.modules), 'something heavy was loaded'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Example: cosmos-policy {command}" in done.stdout


def test_wrong_use_is_one_line_and_exit_code_2(run, droid_dataset, tmp_path):
    where = ["--dataset", str(droid_dataset), "--embodiment", "droid", "--output", str(tmp_path / "out")]
    code, out, err = run("replay", *where, "--episodes", "9")
    assert (code, out) == (2, "")
    assert err == "cosmos-policy: Episode 9 does not exist: the dataset has episodes 0 to 1; change --episodes.\n"


def test_json_is_all_there_is_on_stdout(run, replayed):
    settings = replayed.settings
    where = ["--dataset", settings.dataset, "--embodiment", "droid", "--output", str(settings.output)]
    code, out, err = run("replay", *where, "--stride", "20", "--seed", "7", "--json")
    assert code == 0, err
    assert json.loads(out) == replayed.summary


def test_ctrl_c_says_how_to_go_on(monkeypatch, tmp_path):
    from cosmos_policy.errors import Failure
    from sim_eval.cli import outcome
    from sim_eval.replay.settings import ReplaySettings

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(outcome, "replay", interrupted)
    with pytest.raises(Failure, match="the same command goes on from there"):
        outcome.run_and_tell(ReplaySettings(dataset="d", embodiment="droid", output=tmp_path))


def test_thresholds_decide_the_exit_code_and_a_comparison_is_told(run, replayed, tmp_path):
    settings = replayed.settings
    where = ["--dataset", settings.dataset, "--embodiment", "droid", "--output", str(settings.output)]
    where += ["--stride", "20", "--seed", "7"]
    limits = tmp_path / "limits.txt"
    limits.write_text("policy.end_effector_position_mm.mean > 1e-6  # mm\n")
    code, out, err = run("replay", *where, "--fail-if", str(limits), "--compare", str(settings.output))
    assert code == 1 and "--fail-if holds: policy: end_effector_position_mm.mean is" in err.splitlines()[-1]
    assert "no clear difference" in out and (settings.output / "comparison.json").exists()
    assert "Against another checkpoint" in (settings.output / "report.html").read_text()
    (settings.output / "comparison.json").unlink()
    code, _, err = run("replay", *where, "--fail-if", "psnr_db.mean > 99")
    assert code == 0, err
    code, _, err = run("replay", *where, "--fail-if", "fast")
    assert code == 2 and "is no condition" in err


def test_a_comparison_that_cannot_be_is_refused_before_any_window(run, replayed, tmp_path):
    settings = replayed.settings
    where = ["--dataset", settings.dataset, "--embodiment", "droid", "--output", str(tmp_path / "out")]
    for other, words in (
        (tmp_path / "nowhere", "holds no replay to compare with"),
        (settings.output, "same questions"),
    ):
        code, _, err = run("replay", *where, "--seed", "8", "--compare", str(other))
        assert code == 2 and words in err and not (tmp_path / "out").exists()
