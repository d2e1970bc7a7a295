import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim_eval.metrics.bootstrap import percentile_interval

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


@settings(max_examples=30, deadline=None)
@given(values, st.integers(0, 5))
def test_between_the_extremes_and_the_same_for_the_same_seed(samples, seed):
    first = percentile_interval(samples, [0] * len(samples), num_resamples=200, seed=seed)
    assert min(samples) - 1e-9 <= first.low <= first.high <= max(samples) + 1e-9
    assert first == percentile_interval(samples, [0] * len(samples), num_resamples=200, seed=seed)


@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_agrees_with_scipy_where_samples_are_independent(statistic):
    samples = np.random.default_rng(3).gamma(2.0, 5.0, size=60)
    mine = percentile_interval(samples, [0] * 60, statistic, num_resamples=9000)
    theirs = stats.bootstrap((samples,), statistic, n_resamples=9000, method="percentile", rng=1).confidence_interval
    spread = theirs.high - theirs.low
    assert mine.low == pytest.approx(theirs.low, abs=0.1 * spread)
    assert mine.high == pytest.approx(theirs.high, abs=0.1 * spread)


def test_episodes_are_drawn_whole():
    generator = np.random.default_rng(0)
    levels = np.repeat(generator.normal(0, 10, 12), 25)  # windows of one episode are nearly alike
    samples, episodes = levels + generator.normal(0, 0.1, 300), np.repeat(np.arange(12), 25)
    together = percentile_interval(samples, [0] * 300)
    apart = percentile_interval(samples, episodes.tolist())
    assert (together.resampled, apart.resampled) == ("windows", "episodes")
    assert apart.high - apart.low > 3 * (together.high - together.low)


def test_one_window_has_no_interval():
    assert percentile_interval([1.0], [0]) is None


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="finite"):
        percentile_interval([1.0, np.inf], [0, 0])
