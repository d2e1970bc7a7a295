import json

import numpy as np
import pytest

from cosmos_policy.errors import Failure, UsageError
from sim_eval.results.store import ResultStore, write_json

RUN = {"identity": {"checkpoint": {"revision": "a"}, "options": {"seed": 0}}, "warnings": []}


@pytest.fixture
def store(tmp_path) -> ResultStore:
    store = ResultStore(tmp_path / "output")
    store.begin(RUN)
    return store


def test_records_come_back_in_order(store):
    for start in range(3):
        store.append({"start": start})
    assert [record["start"] for record in store.records()] == [0, 1, 2]


def test_half_a_line_is_dropped_and_told(store):
    store.append({"start": 0})
    assert store.repair() is None
    with store.results_path.open("a") as file:
        file.write('{"start": 1, "pred')
    assert "cut short" in store.repair()
    assert [record["start"] for record in store.records()] == [0]
    store.append({"start": 1})
    assert [record["start"] for record in store.records()] == [0, 1]


def test_a_broken_line_in_the_middle_is_not_passed_over(store):
    store.results_path.write_text('{"start": 0}\nnonsense\n{"start": 2}\n')
    with pytest.raises(Failure, match="line 2"):
        list(store.records())


def test_the_same_run_goes_on_and_another_is_refused(store):
    store.begin(RUN)
    other = {**RUN, "identity": {**RUN["identity"], "options": {"seed": 1}}}
    with pytest.raises(UsageError, match=r"options\.seed is 0 there and 1 now; choose another --output"):
        store.begin(other)


def test_results_of_nobody_are_refused(tmp_path):
    (tmp_path / "results.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match=r"without settings\.json"):
        ResultStore(tmp_path).check_fresh_or_own()
    with pytest.raises(UsageError, match="is a file"):
        ResultStore(tmp_path / "results.jsonl").check_fresh_or_own()


def test_no_number_that_json_does_not_have(store):
    with pytest.raises(ValueError, match="JSON"):
        store.append({"psnr": float("inf")})


def test_episodes_are_kept_to_the_bit(store):
    actions = np.random.default_rng(0).normal(size=(5, 3))
    store.keep_episode(4, actions, {"pose": np.arange(6, dtype=np.float32)})
    kept, state = store.episode(4)
    np.testing.assert_array_equal(kept, actions)
    np.testing.assert_array_equal(state["pose"], np.arange(6))


def test_files_are_replaced_whole(tmp_path):
    path = tmp_path / "summary.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 2} and [file.name for file in tmp_path.iterdir()] == ["summary.json"]
