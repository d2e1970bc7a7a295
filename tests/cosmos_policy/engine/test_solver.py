"""The table of weights does what diffusers' scheduler does step by step."""

import pytest
import torch
from diffusers import UniPCMultistepScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_policy.engine.solver import Solver
from cosmos_policy.errors import UsageError


def make_scheduler(**changes):
    fields = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 10.0}
    return UniPCMultistepScheduler(**{**fields, **changes})


@settings(max_examples=15, deadline=None)
@given(
    steps=st.integers(1, 12),
    shift=st.floats(1.0, 12.0),
    order=st.integers(1, 3),
    native_flow=st.booleans(),
    seed=st.integers(0, 99),
)
def test_it_is_the_scheduler(steps, shift, order, native_flow, seed):
    base = make_scheduler(solver_order=order)
    schedule = Solver(base, native_flow).schedule(steps, shift)
    scheduler = make_scheduler(solver_order=order, flow_shift=shift)
    if native_flow:
        sigmas = torch.linspace(1 - 1 / 1000, 0, steps + 1, dtype=torch.float64)[:-1].numpy()
        scheduler.set_timesteps(steps, sigmas=sigmas)
    else:
        scheduler.set_timesteps(steps)
    assert schedule.timesteps == tuple(scheduler.timesteps.tolist())
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(1, 50, generator=generator, dtype=torch.float64)
    history = [sample]
    for index, timestep in enumerate(scheduler.timesteps):
        velocity = torch.randn(1, 50, generator=generator, dtype=torch.float64)
        history.append(velocity)
        sample = scheduler.step(velocity, timestep, sample, return_dict=False)[0]
        got = schedule.advance(index, torch.stack(history))
        torch.testing.assert_close(got, sample, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("changes", [{"thresholding": True}, {"prediction_type": "epsilon", "use_flow_sigmas": False}])
def test_a_scheduler_that_is_not_linear_is_refused(changes):
    with pytest.raises(UsageError, match="flow without thresholding"):
        Solver(make_scheduler(**changes))


@pytest.mark.parametrize("steps", [120, 1000])
def test_many_steps_share_timesteps_and_are_made_all_the_same(steps):
    schedule = Solver(make_scheduler()).schedule(steps, 10.0)
    assert len(schedule.timesteps) == steps
    assert schedule.timesteps[0] == schedule.timesteps[1]
    # A constant velocity v = noise - data carries the noise to the data, however many steps there are.
    noise, data = torch.tensor([2.0], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    last = schedule.advance(steps - 1, torch.stack([noise, *[noise - data] * steps]))
    torch.testing.assert_close(last, data, rtol=0, atol=2e-3)
