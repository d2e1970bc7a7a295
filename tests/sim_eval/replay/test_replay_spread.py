"""A replay spread over a Ray cluster of this machine, one of whose workers dies: the same results, and each once."""

import json
import os
import re
import signal
import time
from dataclasses import replace

import pytest

from cosmos_policy.cluster.spreading import Spread, Workers
from cosmos_policy.errors import Failure, UsageError

pytest.importorskip("ray", reason="cosmos-policy[ray] is not installed")

LOCAL = Spread("local", workers=2, gpus=0, cpus=0.25)


def untimed(value):
    if isinstance(value, dict):
        return {key: untimed(part) for key, part in value.items() if not key.endswith("_ms")}
    return [untimed(part) for part in value] if isinstance(value, list) else value


def by_window(folder):
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    windows = {(r["call"], r["episode"], r["start"]): untimed(r) for r in records}
    assert len(windows) == len(records)
    return windows


def untimed_report(folder):
    page = (folder / "report.html").read_text()
    assert "Time per window" in page
    return re.sub("<caption>Time per window.*?</table>", "", page, flags=re.DOTALL)


def test_results_and_report_are_those_of_one_machine(replayed, tmp_path):
    from sim_eval.replay.run import replay

    folder = tmp_path / "output"
    settings = replace(replayed.settings, output=folder)
    replay(settings, spread=LOCAL, quiet=True)
    assert by_window(folder) == by_window(replayed.folder)
    assert untimed(json.loads((folder / "summary.json").read_text())) == untimed(replayed.summary)
    assert untimed_report(folder) == untimed_report(replayed.folder)
    videos = sorted(path.name for path in (replayed.folder / "videos").iterdir())
    assert [path.name for path in sorted((folder / "videos").iterdir())] == videos
    for name in videos:
        assert (folder / "videos" / name).read_bytes() == (replayed.folder / "videos" / name).read_bytes()


class Counting:
    """A worker without a model: it doubles numbers, and takes its time."""

    def __init__(self, folder):
        self._folder = folder

    def work(self, numbers):
        for place, number in enumerate(numbers):
            time.sleep(0.05)
            if number == 7 and not (self._folder / "died").exists():
                (self._folder / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if number < 0:
                raise UsageError("numbers begin at 0.")
            if number == 99:
                os.kill(os.getpid(), signal.SIGKILL)
            yield place, 2 * number


def test_a_worker_that_dies_loses_nothing_and_does_nothing_twice(tmp_path):
    with Workers(LOCAL, Counting, tmp_path) as workers:
        tasks = [list(range(at, at + 5)) for at in range(0, 20, 5)]
        assert sorted(workers.results(tasks)) == [2 * number for number in range(20)]
        assert (tmp_path / "died").exists()
        with pytest.raises(UsageError, match="numbers begin at 0"):
            list(workers.results([[1, -1]]))
        with pytest.raises(Failure, match="3 workers died over the same work"):
            list(workers.results([[99]]))


def test_wishes_that_cannot_be_are_refused_in_one_sentence():
    with pytest.raises(UsageError, match="--workers is 0"):
        Spread("local", workers=0)
    with pytest.raises(UsageError, match="need 1000 CPU"), Workers(Spread("local", 1000), Counting, None):
        pass
