"""The simulation against queueing theory, against the server's own rules, and against itself."""

import math
from random import Random

import numpy as np
import pytest

from cosmos_policy.capacity import Fleet, MeasuredService, Site, plan, simulate
from cosmos_policy.errors import UsageError

ALONE = {"outside_s": 0.0, "door_s": 0.0}


def service(seconds, growth=1.0):
    """A batch takes `seconds` times its size to the power of `growth`."""
    return MeasuredService({size: (seconds * size**growth,) for size in (1, 2, 4, 8)}, "made up")


def test_many_robots_on_one_gpu_are_a_queue_that_theory_knows():
    """Hundreds of scattered robots ask nearly at random: M/D/1, whose mean wait is known (Pollaczek and Khinchine)."""
    seconds, load = 0.01, 0.6
    robots = 600
    fleet = Fleet(robots, 1.0, 1000, round(robots * seconds / load), 1e6, jitter=0.9)
    outcome = simulate(fleet, Site(1, max_batch=1, **ALONE), service(seconds), seconds=600.0, seed=1)
    assert outcome.busy == pytest.approx(load, rel=0.03)
    latencies = outcome.latency_s
    mean_wait = load * seconds / (2 * (1 - load))
    assert latencies[0] < seconds + 2.5 * mean_wait and latencies[1] > seconds + mean_wait
    assert outcome.missed == 0 and outcome.starved == 0


def test_the_tail_grows_with_the_load():
    tails = []
    for robots in (20, 40, 55):
        fleet = Fleet(robots, 1.0, 100, 1, 1e6)
        tails.append(simulate(fleet, Site(1, max_batch=1, **ALONE), service(0.016), seconds=300.0).latency_s[1])
    assert tails == sorted(tails) and tails[2] > 1.5 * tails[0]


def test_the_same_seed_gives_the_same_run():
    fleet, site = Fleet(10, 10.0, 16, 8, 0.5), Site(2)
    runs = [simulate(fleet, site, service(0.1), seconds=60.0, seed=seed) for seed in (4, 4, 5)]
    assert runs[0] == runs[1] != runs[2]


def test_batches_are_taken_where_they_are_in_time_and_only_there():
    fleet = Fleet(16, 10.0, 64, 10, 0.5)
    cheap = simulate(fleet, Site(1, **ALONE), service(0.1, growth=0.2), seconds=120.0)
    assert cheap.batch > 1.5 and cheap.missed < 0.05
    dear = simulate(fleet, Site(1, **ALONE), service(0.3), seconds=120.0)  # two together are later than the deadline
    assert dear.batch == 1.0 and dear.refused["stale"] > 0 and dear.late == 0


def test_a_full_queue_refuses():
    fleet = Fleet(50, 10.0, 64, 10, 1e6)
    outcome = simulate(fleet, Site(1, max_batch=1, max_queue=3, **ALONE), service(0.5), seconds=60.0)
    assert outcome.refused["overloaded"] > 0


def test_robots_whose_answers_never_come_run_out_of_actions():
    fleet = Fleet(4, 10.0, 10, 5, 0.2)
    outcome = simulate(fleet, Site(1, **ALONE), service(1.0), seconds=60.0)
    assert outcome.answered == 0 and outcome.missed == 1.0 and outcome.starved > 0.9
    assert outcome.latency_s[1] == math.inf


def test_the_shortest_of_all_queues_is_better_than_the_better_of_two():
    fleet = Fleet(20, 10.0, 32, 10, 1e6)
    tails = [
        simulate(fleet, Site(12, max_batch=1, routing=routing), service(0.5), seconds=200.0).latency_s[1]
        for routing in ("shortest", "two")
    ]
    assert tails[0] <= tails[1]


def test_as_many_gpus_as_are_needed_and_no_more():
    fleet, measured = Fleet(40, 15.0, 32, 16, 0.8), service(0.3)
    found = plan(fleet, Site(1), measured)
    assert found.enough and found.outcome.latency_s[1] <= 0.8
    least = math.ceil(fleet.demand_hz * 0.3)
    assert least <= found.site.gpus <= 2 * least
    assert not plan(fleet, Site(1), measured, gpus=found.site.gpus - 1).enough
    assert found.limits[0].robots == min(limit.robots for limit in found.limits) >= fleet.robots


def test_what_fails_first_is_what_is_smallest():
    measured = service(0.3)
    names = []
    for changes in ({}, {"network_bits_s": 2e8}, {"connections": 9}, {"door_s": 0.2}):
        fleet = Fleet(8, 15.0, 32, 16, 0.8, message_bytes=2_000_000)
        names.append(plan(fleet, Site(1, **changes), measured, gpus=4, own_doors=False).limits[0].name.split(":")[0])
    assert names == ["GPUs", "network", "GPUs", "doors"]
    crowded = plan(Fleet(8, 15.0, 32, 16, 0.8, message_bytes=2_000_000), Site(1, network_bits_s=1e8), measured)
    assert not crowded.enough and crowded.limits[0].name.startswith("network")
    fixed = {limit.name.split(":")[0]: limit.robots for limit in plan(fleet, Site(1), measured, gpus=4).limits}
    assert fixed["network"] == int(10e9 / 16e6 * 16 / 15)
    assert fixed["connections"] == 2048


def test_what_cannot_be_is_told_before_any_run():
    with pytest.raises(UsageError, match="no number of GPUs helps"):
        plan(Fleet(1, 15.0, 32, 16, 0.2), Site(1), service(0.3))
    with pytest.raises(UsageError, match="run out of actions whatever the number of GPUs"):
        plan(Fleet(1, 15.0, 4, 4, 10.0), Site(1), service(0.3))
    with pytest.raises(UsageError, match="Execute 24 of them at most"):
        plan(Fleet(1, 15.0, 32, 32, 10.0), Site(1), service(0.3))
    assert plan(Fleet(1, 15.0, 32, 24, 10.0), Site(1), service(0.3)).enough
    for wrong in ({"robots": 0}, {"rate_hz": 0}, {"execute": 33}, {"deadline_s": 0}, {"jitter": 1}):
        with pytest.raises(UsageError):
            Fleet(**{"robots": 1, "rate_hz": 1.0, "chunk": 32, "execute": 16, "deadline_s": 1.0, **wrong})
    for wrong in ({"gpus": 0}, {"outside_s": -1}, {"network_bits_s": 0}, {"routing": "best"}):
        with pytest.raises(UsageError):
            Site(**{"gpus": 1, **wrong})


def test_the_draws_of_a_long_run_are_the_measured_ones():
    """Nothing but the measured times, the outside and the wait is in an answer's latency."""
    fleet = Fleet(1, 10.0, 10, 10, 10.0)
    calls = tuple(sorted(Random(0).uniform(0.1, 0.2) for _ in range(50)))
    outcome = simulate(fleet, Site(1, outside_s=0.05), MeasuredService({1: calls}, "x"), seconds=2000.0)
    assert outcome.latency_s[0] == pytest.approx(0.05 + float(np.median(calls)), rel=0.02)
    assert outcome.latency_s[2] <= 0.05 + calls[-1] + 1e-9
