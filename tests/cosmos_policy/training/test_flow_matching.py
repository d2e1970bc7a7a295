"""Noise levels, roles, noise and loss; and that a batch can be learnt."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_samples import make_transformer

from cosmos_policy.training.batches import Collator
from cosmos_policy.training.objective import mix_noise, velocity_loss
from cosmos_policy.training.roles import roles_of_step
from cosmos_policy.training.settings import LossSettings, MixtureSettings, TimeSettings
from cosmos_policy.training.stream import BatchedTransformer
from cosmos_policy.training.times import draw_times, shift_for, shifted

MIXTURE = MixtureSettings(
    video=0.2, text_dropout=0.25, idle_frames=0.5, state_dropout=0.3, history_rows=3, longest_prefix=5
)


@given(
    st.sampled_from(["uniform", "logit_normal", "waver"]),
    st.floats(0.2, 20),
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20),
)
def test_noise_levels_lie_between_clean_and_noise_and_keep_their_order(distribution, shift, uniform):
    times = draw_times(torch.tensor(sorted(uniform)), shift, TimeSettings(distribution=distribution))
    assert ((times >= 0) & (times <= 1)).all()
    falls = -1 if distribution == "waver" else 1  # waver's formula runs from noise to clean
    assert (falls * times.diff() >= -1e-6).all()


def test_distributions_by_their_quantiles():
    quarter = torch.tensor([0.25, 0.5, 0.75])
    logit = draw_times(quarter, 1.0, TimeSettings(distribution="logit_normal", mean=0.5, deviation=1.2))
    torch.testing.assert_close(logit, torch.sigmoid(torch.tensor([0.5 - 1.2 * 0.67449, 0.5, 0.5 + 1.2 * 0.67449])))
    waver = draw_times(quarter, 1.0, TimeSettings(distribution="waver"))
    expected = [1 - u - 1.29 * (np.cos(np.pi / 2 * u) ** 2 - 1 + u) for u in (0.25, 0.5, 0.75)]
    np.testing.assert_allclose(waver, expected, rtol=1e-6)
    assert [shift_for(TimeSettings(), tier) for tier in (256, 480, 720)] == [3.0, 5.0, 10.0]
    assert shift_for(TimeSettings(shift=2.5), 480) == 2.5
    assert shifted(torch.tensor(0.5), 3.0) == 0.75


def test_roles_come_in_the_shares_that_were_set(data):
    roles = roles_of_step(data, MIXTURE, 4000, (7, 0, 0, 0))
    modes = Counter(role.mode for role in roles)
    for mode, share in MIXTURE.modes.items():
        assert modes[mode] / 4000 == pytest.approx(share / 1.2, abs=0.03)
    assert sum(role.text == 0 for role in roles) / 4000 == pytest.approx(0.25, abs=0.03)
    first = [role for role in roles if role.group == 0 and role.mode != "video"]
    assert sum(role.state == 0 for role in first) / len(first) == pytest.approx(0.3, abs=0.04)
    prefixes = Counter(role.prefix for role in roles if role.mode == "policy")
    assert set(prefixes) == {0, 1, 2, 3, 4, 5} and prefixes[0] / modes["policy"] == pytest.approx(0.5, abs=0.04)
    assert {role.prefix for role in roles if role.mode != "policy"} == {0}
    for role in roles:
        assert role.history <= data.groups[role.group].reach[role.window]
    assert {role.history for role in first} == {0, 1, 2, 3}
    assert {(role.history, role.state, role.prefix) for role in roles if role.mode == "video"} == {(0, 0, 0)}


def test_a_step_draws_the_same_again_and_another_step_does_not(data):
    once = roles_of_step(data, MIXTURE, 50, (7, 0, 3, 0))
    assert once == roles_of_step(data, MIXTURE, 50, (7, 0, 3, 0))
    assert (
        len({once, *(roles_of_step(data, MIXTURE, 50, (7, *rest)) for rest in ((1, 3, 0), (0, 4, 0), (0, 3, 1)))}) == 4
    )


@pytest.fixture
def clean(data, single_thread):
    transformer = make_transformer()
    collator = Collator(data, transformer.config, torch.device("cpu"), MIXTURE.history_rows)
    return transformer, collator.batch(roles_of_step(data, MIXTURE, 12, (0, 0, 0, 0)))


def test_noise_reaches_what_is_to_be_denoised_and_nothing_else(clean):
    _, batch = clean
    noise = [torch.randn_like(batch.video), torch.randn_like(batch.rows)]
    times = torch.linspace(0, 1, 12)
    noised = mix_noise(batch, times, *noise)
    for tokens, recorded, live, drawn in zip(
        (noised.network.video, noised.network.rows), (batch.video, batch.rows), (batch.video_live, batch.rows_live),
        noise, strict=True,
    ):  # fmt: skip
        assert torch.equal(tokens[live == 0], recorded[live == 0])
        level = times[:, None, None]
        torch.testing.assert_close(tokens, recorded + level * live * (drawn - recorded))
        assert torch.equal(tokens[0], recorded[0])
        torch.testing.assert_close(tokens[-1][live[-1] > 0], drawn[-1][live[-1] > 0])
    assert batch.rows_live[:, :, 10:].sum() == 0
    noisy = batch.network.video_noisy
    assert torch.equal(noisy, (batch.video_live > 0).any(-1))


def test_a_perfect_velocity_has_no_loss_and_the_weights_weigh(clean):
    _, batch = clean
    noised = mix_noise(batch, torch.full((12,), 0.5), torch.randn_like(batch.video), torch.randn_like(batch.rows))
    right = velocity_loss(noised, noised.video_velocity, noised.rows_velocity, LossSettings())
    assert right.total == 0
    off = velocity_loss(noised, noised.video_velocity + 2, noised.rows_velocity - 1, LossSettings(video=3, action=5))
    assert off.total == pytest.approx(3 * 4 + 5 * 1)


def test_one_batch_is_learnt(clean):
    """Twenty steps on the same numbers: both errors fall a long way."""
    transformer, batch = clean
    network = BatchedTransformer(transformer)
    generator = torch.Generator().manual_seed(1)
    noised = mix_noise(
        batch,
        torch.rand(12, generator=generator),
        torch.randn(batch.video.shape, generator=generator),
        torch.randn(batch.rows.shape, generator=generator),
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = velocity_loss(noised, *network(noised.network), LossSettings())
        loss.total.backward()
        optimizer.step()
        losses.append(loss)
    assert losses[-1].action < 0.5 * losses[0].action
    assert losses[-1].video < 0.8 * losses[0].video


def test_a_batch_without_actions_has_a_finite_loss(data, single_thread):
    transformer = make_transformer()
    only_video = MixtureSettings(policy=0, forward_dynamics=0, inverse_dynamics=0, video=1)
    collator = Collator(data, transformer.config, torch.device("cpu"), 0)
    batch = collator.batch(roles_of_step(data, only_video, 3, (0, 0, 0, 0)))
    noised = mix_noise(batch, torch.full((3,), 0.4), torch.randn_like(batch.video), torch.randn_like(batch.rows))
    loss = velocity_loss(noised, *BatchedTransformer(transformer)(noised.network), LossSettings())
    assert torch.isfinite(loss.total) and loss.action == 0 and loss.video > 0
