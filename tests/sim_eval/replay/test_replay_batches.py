"""Batches run over calls and episodes, and the next one is read while the model is at work."""

import json
import threading

import pytest

from cosmos_policy.errors import UsageError
from sim_eval.replay.batches import batches, read_ahead
from sim_eval.replay.plan import Window, plan_windows
from sim_eval.replay.run import replay


def planned():
    return plan_windows({"policy": 4, "inverse-dynamics": 8}, {0: 20, 1: 14}, 8, 0)


def test_one_at_a_time_is_the_plan():
    assert [batch[0] for batch in batches(planned(), 1)] == list(planned())


@pytest.mark.parametrize("size", [2, 3, 100])
def test_batches_hold_one_call_and_every_window_once(size):
    made = list(batches(planned(), size))
    assert all(len({window.call for window in batch}) == 1 and len(batch) <= size for batch in made)
    assert sorted(window.key for batch in made for window in batch) == sorted(window.key for window in planned())
    assert sum(len(batch) < size for batch in made) <= 2, "only the last batch of a call is not full"
    if size == 100:
        assert {window.episode for window in made[0]} == {0, 1}, "batches run over episodes"


def test_the_next_batch_is_read_meanwhile():
    second_is_read = threading.Event()

    def read(batch):
        if batch[0].start == 1:
            second_is_read.set()
        return batch[0].start

    windows = [[Window("policy", 0, start, 4, 0)] for start in range(3)]
    found = []
    for batch, value in read_ahead(windows, read):
        if value == 0:
            assert second_is_read.wait(10)
        found.append((batch[0].start, value))
    assert found == [(0, 0), (1, 1), (2, 2)]


def test_an_error_while_reading_comes_out():
    def read(batch):
        raise UsageError("the film is torn")

    with pytest.raises(UsageError, match="the film is torn"):
        list(read_ahead([[Window("policy", 0, 0, 4, 0)]], read))


def test_a_run_in_batches_has_the_same_windows_and_figures(replayed, tmp_path):
    from dataclasses import replace

    outcome = replay(replace(replayed.settings, output=tmp_path / "batched"), batch_size=3, quiet=True)
    records = [json.loads(line) for line in (tmp_path / "batched" / "results.jsonl").read_text().splitlines()]
    keys = [(record["call"], record["episode"], record["start"]) for record in records]
    assert sorted(keys) == sorted(tuple(window[:3]) for window in replayed.run["windows"])
    for name, facts in replayed.summary["calls"].items():
        for metric, figures in facts["metrics"].items():
            other = outcome.summary["calls"][name]["metrics"][metric]["sources"]["prediction"]
            assert other["mean"] == pytest.approx(figures["sources"]["prediction"]["mean"], rel=1e-3)
    with pytest.raises(UsageError, match="--batch-size is 0"):
        replay(replayed.settings, batch_size=0)
