"""Which rows run when: against a plain simulation of a robot with a slow model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk
from sim_eval.rollout.execution import ChunkExecution, Timing

timings = st.builds(Timing, st.integers(1, 12), st.integers(0, 9), st.booleans())


def run(timing, steps, chunk_size=64):
    """(executed (chunk, row) or None at each step, (step, prefix) of each request); rows tell chunk and row."""
    asked, executed, clock = [], [], {"step": 0}

    def ask(number, prefix):
        asked.append((clock["step"], prefix))
        unified = np.column_stack([np.full(chunk_size, number), np.arange(chunk_size)])
        return ActionChunk(unified, unified, {}, dt=0.1, stamp=0.0, valid_until=1.0)

    execution = ChunkExecution(timing, ask)
    for step in range(steps):
        clock["step"] = step
        asks = execution.asks_now
        before = len(asked)
        due = execution.step()
        assert asks == (len(asked) > before), "asks_now says what step does"
        executed.append(None if due is None else tuple(int(value) for value in due[0].unified[due[1]]))
    assert execution.chunks_asked == len(asked)
    return executed, asked


@given(timing=timings)
def test_rows_run_at_the_time_they_are_meant_for(timing):
    executed, asked = run(timing, 60)
    assert executed[: timing.latency_steps] == [None] * timing.latency_steps, "it stands while the first is computed"
    for step, due in enumerate(executed[timing.latency_steps :], start=timing.latency_steps):
        number, row = due
        seen_at = asked[number][0]
        assert seen_at + timing.latency_steps <= step, "no chunk is used before it is there"
        # The first chunk was seen by a robot that then stood still.
        assert row == (step - timing.latency_steps if number == 0 else step - seen_at)
        assert row < timing.latency_steps + timing.period


@given(timing=timings)
def test_chunks_follow_each_other_at_the_period(timing):
    executed, _ = run(timing, 80)
    numbers = [due[0] for due in executed if due is not None]
    lengths = [numbers.count(number) for number in range(numbers[-1])]
    assert lengths == [timing.period] * len(lengths)
    assert numbers == sorted(numbers)


@given(timing=timings)
def test_the_prefix_is_what_runs_while_the_chunk_is_computed(timing):
    executed, asked = run(timing, 60)
    for number, (step, prefix) in enumerate(asked):
        if number == 0 or not timing.prefix or timing.latency_steps == 0:
            assert prefix is None
            continue
        ran = executed[step : step + timing.latency_steps]
        assert [tuple(int(value) for value in row) for row in prefix][: len(ran)] == ran


def test_seconds_are_rounded_up_to_whole_steps():
    for seconds, steps in ((0.0, 0), (0.3, 5), (1 / 15, 1), (0.07, 2), (2 / 15, 2)):
        assert Timing.from_seconds(8, seconds, 1 / 15, True).latency_steps == steps
    with pytest.raises(UsageError, match="expected a finite number of at least 0"):
        Timing.from_seconds(8, -0.1, 1 / 15, True)


def test_a_chunk_that_runs_out_is_refused():
    Timing(8, 5).check(13)
    with pytest.raises(
        UsageError, match=r"chunk of 12 actions is used up .* 5 steps of latency and 8 to execute need 13"
    ):
        Timing(8, 5).check(12)
    with pytest.raises(UsageError, match="--execution-horizon is 0"):
        Timing(0).check(16)
