"""Random sequences of faults: no command ever leaves the limits, and whatever lasts holds the robot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_world import World, droid_contract

import embodiments
from cosmos_policy.client.connection import ServerRefusal, ServerUnreachable
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk
from ros2_nodes.observing import JointSample

PERIOD_S = 1.0 / 15.0
LASTING = {
    # fault -> seconds after which it must have been noticed: its own patience, and two control periods
    "camera dies": 0.15 + 0.06,
    "joint states stop": 0.06 + 0.01,
    "deadman released": 0.06,
    "deadman silent": 0.25,
    "joint missing": 0.0,
    "joint is NaN": 0.0,
    "image of another size": 0.06,
    "emergency stop": 0.01,
}
"""Sensors send every 10 ms (joints), 50 ms (deadman) and 60 ms (cameras): that long nobody can know."""
OTHERS = (
    "joint states freeze",
    "joint states jump",
    "server refuses",
    "server is gone",
    "answer is NaN",
    "answer is of another robot",
    "answer contradicts itself",
    "answer is wild",
    "answer is far away",
    "server is slow",
    "stamps jump",
    "no ticks",
    "restart",
    "fine",
)


def _reporting(change: Callable[[JointSample], JointSample]) -> Callable[[World], None]:
    return lambda world: setattr(world, "reported", change)


def _spoiling(change: Callable) -> Callable[[World], None]:
    return lambda world: setattr(world.inference, "spoil", change)


def _moved(chunk: ActionChunk, by: np.ndarray) -> ActionChunk:
    """The chunk with actions moved and commands that agree with them."""
    unified = chunk.unified + by
    return replace(chunk, unified=unified, commands=embodiments.get("droid_joint").decode(unified, {}))


def _wild(scale: float) -> Callable[[ActionChunk], ActionChunk]:
    return lambda chunk: _moved(chunk, np.random.default_rng(1).normal(0.0, scale, chunk.unified.shape))


FAULTS: dict[str, Callable[[World], None]] = {
    "camera dies": lambda world: world.silent.add("wrist"),
    "joint states stop": lambda world: world.silent.add("joints"),
    "deadman released": lambda world: setattr(world, "deadman_held", False),
    "deadman silent": lambda world: world.silent.add("deadman"),
    "joint missing": _reporting(lambda sample: JointSample(sample.stamp_s, sample.names[1:], sample.positions[1:])),
    "joint is NaN": _reporting(lambda sample: replace(sample, positions=sample.positions * np.nan)),
    "image of another size": lambda world: setattr(world, "image_size", (24, 30)),
    "emergency stop": lambda world: world.loop.press_emergency_stop(True, world.now),
    "joint states freeze": lambda world: setattr(world, "frozen", True),
    "joint states jump": _reporting(lambda sample: replace(sample, positions=sample.positions + 0.9)),
    "server refuses": _spoiling(lambda chunk: ServerRefusal("busy", "overloaded", 0.1)),
    "server is gone": _spoiling(lambda chunk: ServerUnreachable("nobody answers")),
    "answer is NaN": _spoiling(lambda chunk: replace(chunk, unified=chunk.unified * np.nan)),
    "answer is of another robot": _spoiling(lambda chunk: UsageError("another embodiment is served")),
    "answer contradicts itself": _spoiling(lambda chunk: replace(chunk, unified=chunk.unified + 0.1)),
    "answer is wild": _spoiling(_wild(0.5)),
    "answer is far away": _spoiling(_wild(3.0)),
    "server is slow": lambda world: setattr(world.inference, "latency_s", 1.5),
    "stamps jump": lambda world: setattr(world, "stamp_offset_s", world.stamp_offset_s + 0.4),
    "no ticks": lambda world: setattr(world, "ticking", False),
    "restart": lambda world: world.loop.start(world.now) or world.loop.stop(world.now, "asked for"),
    "fine": lambda world: None,
}


def heal(world: World) -> None:
    world.silent.clear()
    world.deadman_held, world.image_size, world.ticking, world.frozen = True, (24, 32), True, False
    world.reported, world.inference.spoil, world.inference.latency_s = None, lambda chunk: chunk, 0.3
    world.loop.press_emergency_stop(False, world.now)


def assert_within_limits(world: World) -> None:
    """Differences of a smooth motion never exceed the largest derivative between them."""
    limits = world.contract.limits["arm"]
    times, positions = np.array(world.times_s), np.array(world.commanded).reshape(-1, 7)
    assert np.isfinite(positions).all()
    assert (positions >= limits.lower[0] - 1e-9).all() and (positions <= limits.upper[0] + 1e-9).all()
    pauses = np.flatnonzero(np.diff(times) > 0.015) + 1
    assert np.abs(positions[pauses] - positions[pauses - 1]).max(initial=0.0) < 0.05, "it starts where it stands"
    for run in np.split(positions, pauses):
        for order, bound in enumerate((limits.velocity[0], limits.acceleration[0], limits.jerk[0]), start=1):
            used = np.abs(np.diff(run, n=order, axis=0)).max(initial=0.0) / 0.01**order
            assert used <= bound * 1.001, f"derivative {order}: {used} of {bound}"
    assert all(0.0 <= number <= 0.8 for number in world.grippers)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from([*LASTING, *OTHERS]), st.floats(0.02, 0.5), st.floats(0.0, 0.5)),
        min_size=1,
        max_size=4,
    )
)
def test_random_faults_never_leave_the_limits_and_hold_what_lasts(sequence):
    world = World.make(droid_contract())
    world.run(0.1)
    world.loop.start(world.now)
    world.run(0.8)
    for name, lasts_s, pause_s in sequence:
        FAULTS[name](world)
        began_s = world.now_s
        world.run(lasts_s)
        patience = LASTING.get(name, np.inf) + 2.0 * PERIOD_S + 0.011
        if world.now_s - began_s >= patience:
            assert world.loop.state.value != "running", name
        heal(world)
        world.run(pause_s)
    FAULTS["joint states stop"](world)
    world.run(1.0)
    assert world.loop.state.value != "running"
    assert world.loop.at_rest
    assert_within_limits(world)
