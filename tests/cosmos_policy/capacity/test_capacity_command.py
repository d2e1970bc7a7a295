"""``cosmos-policy capacity``: the example of the help, and wrong use."""

import json
import sys

import pytest
from capacity_lines import line

from cosmos_policy.cli.main import run


def capacity(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["cosmos-policy", "capacity", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        run()
    return ended.value.code or 0, capsys.readouterr()


@pytest.fixture
def nano(bench_file):
    return bench_file(line(1, 300.0, 310.0), line(2, 500.0, 510.0), line(4, 900.0, 910.0))


def test_the_answer_comes_first(monkeypatch, capsys, nano):
    asked = ["--robots", 40, "--rate", 15, "--chunk", 32, "--deadline-ms", 800, "--measured", nano]
    code, told = capacity(monkeypatch, capsys, *asked)
    assert code == 0 and "are enough for 40 robots" in told.out.splitlines()[0]
    assert "(first)" in told.out and "p99" in told.out
    code, told = capacity(monkeypatch, capsys, *asked, "--json")
    answer = json.loads(told.out)
    assert answer["enough"] and answer["outcome"]["latency_s"][1] <= 0.8
    assert answer["fails_first"] == answer["limits"][0]
    code, told = capacity(monkeypatch, capsys, *asked, "--gpus", answer["gpus"] - 1, "--json")
    assert not json.loads(told.out)["enough"]


@pytest.mark.parametrize(("changes", "sentence"), [
    (("--robots", 0), "robots is 0"),
    (("--deadline-ms", 100), "no number of GPUs helps"),
    (("--measured", "nowhere.json"), "There is no file nowhere.json"),
    (("--routing", "best"), "expected shortest or two"),
])  # fmt: skip
def test_wrong_use_is_one_sentence(monkeypatch, capsys, nano, changes, sentence):
    code, told = capacity(monkeypatch, capsys, "--robots", 4, "--measured", nano, *changes)
    assert code == 2 and sentence in told.err and told.err.count("\n") == 1
