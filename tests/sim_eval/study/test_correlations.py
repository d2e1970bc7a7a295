"""Rank correlations against scipy and against cases whose answer is known; words that claim no more than they allow."""

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from sim_eval.study.correlations import rank_correlations
from sim_eval.study.page import verdict, write_page
from sim_eval.study.run import agreement, correlate


def row(error, imagined, physics, name="v"):
    def rate(value):
        return {
            "episodes": 10,
            "successes": round(10 * value),
            "success_rate": value,
            "success_interval": [max(value - 0.2, 0), min(value + 0.2, 1)],
        }

    return {
        "name": name,
        "title": f"variant {error}",
        "replay": {"arm_deg": {"title": "arm", "unit": "deg", "mean": error, "interval": None}},
        "imagined": rate(imagined),
        "physics": rate(physics),
        "judges": ["right on 9 of 10 labelled roll-outs"],
        "scenes": [{"task": "lift", "seed": 1, "imagined": imagined > 0.5, "physics": physics > 0.5}],
    }


def test_they_are_scipys():
    generator = np.random.default_rng(0)
    first = generator.normal(size=9)
    second = first + generator.normal(size=9)
    found = rank_correlations(first, second)
    assert found["spearman"]["value"] == pytest.approx(spearmanr(first, second).statistic, rel=1e-5)
    assert found["kendall"]["value"] == pytest.approx(kendalltau(first, second).statistic, rel=1e-5)
    for kind in ("spearman", "kendall"):
        low, high = found[kind]["interval"]
        assert -1 <= low <= found[kind]["value"] <= high <= 1
    exact = kendalltau(first, second, method="exact").pvalue
    assert found["kendall"]["probability_if_unrelated"] == pytest.approx(exact, abs=0.02)


def test_a_perfect_order_is_one_whatever_its_scale():
    found = rank_correlations([1, 2, 3, 4, 5, 6], [0.0, 0.1, 0.11, 0.5, 0.7, 0.9])
    assert found["spearman"]["value"] == found["kendall"]["value"] == 1.0
    assert found["spearman"]["interval"] == [1.0, 1.0]
    assert found["spearman"]["probability_if_unrelated"] == pytest.approx(2 / 720, rel=1e-3), "2 of 6! orders"


@pytest.mark.parametrize(
    ("first", "second"), [([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, 4], [0, 0, 0, 0]), ([1, 2, 3], [1, 2, 3])]
)
def test_without_an_order_there_is_none(first, second):
    found = rank_correlations(first, second)
    assert found["spearman"] is None and found["kendall"] is None


def test_errors_count_the_other_way_round():
    rows = [row(error, 0.5, rate) for error, rate in ((1.0, 0.9), (2.0, 0.6), (3.0, 0.3), (4.0, 0.0))]
    found = correlate(rows)
    assert found["arm_deg"]["spearman"]["value"] == 1.0, "a smaller error, more success"
    assert found["imagined"]["spearman"] is None


@pytest.mark.parametrize(
    ("physics", "words"),
    [
        ((1.0, 0.9, 0.7, 0.5, 0.3, 0.1), "Better in “replay: arm” went with more success in physics."),
        ((0.0, 0.1, 0.3, 0.5, 0.7, 0.9), "No predictor can be relied on here. Misleading: “replay: arm”."),
        ((0.3, 0.1, 0.4, 0.1, 0.5, 0.2), "Not decided by 6 variants: “replay: arm”"),
        ((0.5,) * 6, "nothing can be said"),
    ],
)
def test_words_claim_only_what_the_interval_allows(physics, words):
    rows = [row(float(place), 0.5, rate) for place, rate in enumerate(physics)]
    assert words in verdict(correlate(rows), rows)


def test_the_page_holds_every_variant_and_counts_scenes(tmp_path):
    rows = [row(1.0, 0.9, 0.9), row(2.0, 0.9, 0.1), row(3.0, 0.2, 0.8), row(4.0, 0.1, 0.1)]
    found = {
        "checkpoint": "tiny",
        "tasks": ["lift"],
        "episodes": 10,
        "first_seed": 5,
        "dataset": "demos",
        "variants": rows,
        "predictors": correlate(rows),
        "agreement": agreement(rows),
    }
    assert list(found["agreement"].values()) == [1, 1, 1, 1]
    write_page(tmp_path / "study.md", found)
    page = (tmp_path / "study.md").read_text()
    for text in (
        "| variant 3.0 | 3.00 | 2 of 10 (0 to 40 %) | 8 of 10 (60 to 100 %) |",
        "seeds 5 to 14",
        "ended alike in 2 of 4",
    ):
        assert text in page
    assert page.count("right on 9 of 10") == 1
