"""The command as a user meets it: a real process, its exit codes, its one line on stderr."""

import json
import subprocess
import sys

import pytest

from cosmos_policy.checkpoints import cards


def run(*arguments: str) -> subprocess.CompletedProcess:
    code = "from cosmos_policy.cli.main import run; run()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_help_lists_the_subcommands_of_all_rooms():
    done = run("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("checkpoints", "doctor", "embodiments", "replay", "demo"))


def test_no_arguments_is_help():
    assert run().stdout == run("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("checkpoints", "--nonsense"), "No such option: --nonsense"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments, reason):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert reason in done.stderr
    assert done.stderr.startswith("cosmos-policy: ")
    assert done.stderr.count("\n") == 1


def test_checkpoints_as_json_is_every_card():
    done = run("checkpoints", "--json")
    assert done.returncode == 0
    assert [card["name"] for card in json.loads(done.stdout)] == list(cards())


def test_doctor_tells_the_truth_about_this_installation():
    findings = {finding["subject"]: finding for finding in json.loads(run("doctor", "--json").stdout)}
    assert findings["models in this process [model]"]["works"] is True
    assert "torch" in findings["models in this process [model]"]["found"]
    assert "fast attention [gpu]" in findings
    assert all(finding["cure"] for finding in findings.values() if finding["works"] is False)
