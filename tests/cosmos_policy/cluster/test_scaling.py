"""How many replicas a deployment wants."""

from types import SimpleNamespace

from cosmos_policy.cluster.scaling import CALM_S, MISSES, REQUESTS, scale


def context(requests=(0.0,), misses=(0.0,), running=1, target=1, state=None, now=1000.0, lowest=1, highest=8):
    reported = {
        REQUESTS: dict(enumerate(requests)),
        MISSES: dict(enumerate(misses)),
    }
    return SimpleNamespace(
        aggregated_metrics=reported,
        total_num_requests=0.0,
        current_num_replicas=running,
        target_num_replicas=target,
        capacity_adjusted_min_replicas=lowest,
        capacity_adjusted_max_replicas=highest,
        policy_state=state or {},
        current_time=now,
        config=SimpleNamespace(target_ongoing_requests=4.0),
    )


def test_requests_ask_for_replicas():
    assert scale(context((4.0, 5.0), (0.0, 0.0), running=2, target=2))[0] == 3


def test_a_missed_deadline_asks_for_one_more_even_where_little_waits():
    wanted, state = scale(context((1.0,), (1.0,)))
    assert wanted == 2
    assert state["missed_at_s"] == 1000.0


def test_old_misses_ask_for_no_more_while_the_replica_that_they_asked_for_is_loading():
    assert scale(context((1.0,), (3.0,), running=1, target=2))[0] == 2


def test_nothing_is_taken_away_soon_after_a_miss_and_is_later():
    _, state = scale(context((1.0,), (1.0,), running=3, target=3))
    assert scale(context((0.0,), running=4, target=4, state=state, now=1000.0 + CALM_S - 1))[0] == 4
    assert scale(context((0.0,), running=4, target=4, state=state, now=1000.0 + CALM_S + 1))[0] == 1


def test_the_bounds_hold():
    assert scale(context((100.0,), highest=5))[0] == 5
    assert scale(context((0.0,), running=3, target=3, lowest=2))[0] == 2
