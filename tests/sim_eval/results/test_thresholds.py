"""``--fail-if``: conditions, files of conditions, and what they say."""

import pytest

from cosmos_policy.errors import UsageError
from sim_eval.results.thresholds import Threshold, breaches, read_thresholds

METRIC = "end_effector_position_mm"


def test_a_condition_holds_exactly_where_the_figure_is_beyond(replayed):
    value = replayed.summary["calls"]["policy"]["metrics"][METRIC]["sources"]["prediction"]["p90"]
    held = [
        f"policy.{METRIC}.p90 > {value - 1}",
        f"policy.{METRIC}.p90 >= {value!r}",
        f"policy.{METRIC}.p90<={value!r}",
    ]
    quiet = [f"policy.{METRIC}.p90 > {value!r}", f"policy.{METRIC}.p90 < {value!r}"]
    assert len(breaches(read_thresholds(held), replayed.summary)) == 3
    assert breaches(read_thresholds(quiet), replayed.summary) == []
    assert breaches(read_thresholds(held[:1]), replayed.summary) == [
        f"policy: {METRIC}.p90 is {value:g} (> {value - 1:g})"
    ]


def test_without_a_call_every_call_that_has_the_metric_counts(replayed):
    assert set(Threshold.parse(f"{METRIC}.mean > 0").values(replayed.summary)) == {"policy", "inverse-dynamics"}
    assert set(Threshold.parse("psnr_db.median < 99").values(replayed.summary)) == {"forward-dynamics"}


def test_a_file_holds_one_condition_a_line(tmp_path):
    path = tmp_path / "limits.txt"
    path.write_text(f"# what CI allows\n{METRIC}.p90 > 30  # mm\n\npsnr_db.mean < 20\n")
    assert [one.metric for one in read_thresholds([str(path), "ssim.mean < 0.5"])] == [METRIC, "psnr_db", "ssim"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast", "is no condition; expected \\[call.\\]metric.figure > number"),
        (f"{METRIC}.p95 > 30", "'p95' is no figure; choose mean, median, p90"),
        (f"{METRIC}.p90 > thirty", "'thirty' is no number"),
        ("nowhere.txt", "is no condition"),
    ],
)
def test_wrong_conditions_are_told(text, words):
    with pytest.raises(UsageError, match=words):
        read_thresholds([text])


def test_a_figure_that_is_not_there_is_told(replayed):
    with pytest.raises(UsageError, match="names no figure of this run, which has policy: end_effector_position_mm"):
        breaches(read_thresholds(["speed.mean > 3"]), replayed.summary)
