"""From runs to an answer: how many GPUs, and what gives way first when the fleet grows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cosmos_policy.capacity.fleet import Fleet, Site
from cosmos_policy.capacity.measured import MeasuredService
from cosmos_policy.capacity.simulation import Outcome, simulate
from cosmos_policy.errors import UsageError

#: Questions in a run, at least: the 99th percentile then rests on a few tens of them.
QUESTIONS = 4000
#: Periods in a run, at least, so that robots' phases have mixed with the queue's.
PERIODS = 20
MOST_GPUS = 100_000
#: Larger sites are simulated as so many replicas with their share of the robots: a little worse than the whole, whose
#: queues even out better.
MOST_REPLICAS = 128
#: The share of its time that a robot may be without an action: none, but for rounding.
STANDING_STILL = 1e-9
#: How finely the fleet that fails is searched for.
GROWTH = 1.02


@dataclass(frozen=True)
class Limit:
    """robots: the largest fleet that it carries. name: what gives way beyond, in words."""

    name: str
    robots: int


@dataclass(frozen=True)
class Plan:
    """site: with as many GPUs as are needed (or were given). outcome: of the fleet on it. enough: whether that is
    good, and nothing else carries fewer robots. limits: the fewest robots first; the first is what fails first when the
    fleet grows on this site."""

    fleet: Fleet
    site: Site
    outcome: Outcome
    enough: bool
    limits: tuple[Limit, ...]


def plan(
    fleet: Fleet,
    site: Site,
    service: MeasuredService,
    *,
    allowed_misses: float = 0.01,
    gpus: int | None = None,
    own_doors: bool = True,
    seed: int = 0,
) -> Plan:
    """gpus: a number to judge; None looks for the smallest that is enough. own_doors: every GPU has a server of its
    own, which takes its requests; otherwise `site` says how many doors there are.

    Enough: p99 within the deadline, at most `allowed_misses` of the questions without an answer in time, and no robot
    whose actions run out. Raises :class:`UsageError` where no number of GPUs can be: one request takes too long alone.
    """
    if not 0 <= allowed_misses < 1:
        raise UsageError(f"allowed misses are {allowed_misses:g}; expected a share from 0 to below 1.")
    alone_s = service.median_s(1) + site.between_s + site.outside_s
    if gpus is None and alone_s > fleet.deadline_s:
        raise UsageError(
            f"One request takes {1e3 * alone_s:.0f} ms on an idle GPU, and the deadline is "
            f"{1e3 * fleet.deadline_s:.0f} ms: no number of GPUs helps. Allow more time, or make the request smaller."
        )
    slow_s = service.quantile_s(1, 0.99) + site.between_s + site.outside_s
    most_executed = math.floor(fleet.rate_hz * (fleet.cover_s - slow_s) / (1 + fleet.jitter))
    if gpus is None and fleet.execute > most_executed:
        cure = "Ask for longer chunks, or make the request smaller."
        if most_executed >= 1:
            cure = f"Execute {most_executed} of them at most (--execute)."
        raise UsageError(
            f"A chunk of {fleet.chunk} actions lasts {fleet.cover_s:.2f} s; the next one is asked for after "
            f"{fleet.execute} and takes {slow_s:.2f} s on an idle GPU: robots run out of actions whatever the number "
            f"of GPUs. {cure}"
        )

    def run(candidate: Site, robots: int = fleet.robots) -> Outcome:
        share = min(1.0, MOST_REPLICAS / candidate.gpus)
        asked = replace(fleet, robots=max(1, round(share * robots)))
        cut = replace(candidate, gpus=max(1, round(share * candidate.gpus)))
        seconds = max(PERIODS * asked.period_s, QUESTIONS / asked.demand_hz, 20 * service.median_s(1))
        return simulate(asked, cut, service, seconds=seconds, seed=seed)

    def good(outcome: Outcome) -> bool:
        return (
            outcome.latency_s[1] <= fleet.deadline_s
            and outcome.missed <= allowed_misses
            and outcome.starved <= STANDING_STILL
        )

    most = min(site.max_batch, service.largest)
    site = replace(site, max_batch=most)
    if gpus is None:
        least = max(1, math.ceil(fleet.demand_hz * service.best_per_request_s(most)))
        gpus = _smallest(lambda count: good(run(replace(site, gpus=count))), least)
    site = replace(site, gpus=gpus, doors=gpus if own_doors else site.doors)
    outcome = run(site)
    limits = [*_fixed_limits(fleet, site)]
    beyond = min(limit.robots for limit in limits)
    limits.append(_gpu_limit(fleet, good(outcome), beyond, lambda robots: good(run(site, robots)), outcome))
    enough = good(outcome) and beyond >= fleet.robots
    return Plan(fleet, site, outcome, enough, tuple(sorted(limits, key=lambda limit: limit.robots)))


def _smallest(good, least: int) -> int:
    """The smallest number from `least` on that is good; more is never worse."""
    low, high = least - 1, least
    while not good(high):
        low, high = high, max(high + 1, math.ceil(1.15 * high))
        if high > MOST_GPUS:
            raise UsageError(f"More than {MOST_GPUS} GPUs would be needed; plan for fewer robots.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high


def _gpu_limit(fleet: Fleet, enough: bool, beyond: int, good, outcome: Outcome) -> Limit:
    """The largest fleet that the GPUs carry; not looked for beyond what something else carries."""
    name = "GPUs: answers come too late" if outcome.starved <= STANDING_STILL else "GPUs: robots run out of actions"
    if not enough:
        low, high = 0, fleet.robots
    else:
        low, high = fleet.robots, fleet.robots + 1
        while high <= beyond and good(high):
            low, high = high, max(high + 1, math.ceil(1.2 * high))
    while high - low > max(1, int((GROWTH - 1) * low)):
        middle = (low + high) // 2
        low, high = (middle, high) if middle > 0 and good(middle) else (low, middle)
    return Limit(name, low)


def _fixed_limits(fleet: Fleet, site: Site) -> list[Limit]:
    """What needs no simulation: links, doors and connections carry so many questions a second, or robots."""
    limits = [Limit(f"connections: {site.connections} a server", site.connections * site.gpus)]
    if fleet.message_bytes:
        bits = 8 * fleet.message_bytes
        limits.append(Limit("network: observations fill the link", int(site.network_bits_s / bits * fleet.period_s)))
    if site.door_s:
        limits.append(Limit("doors: processors that take requests", int(site.doors / site.door_s * fleet.period_s)))
    return limits
