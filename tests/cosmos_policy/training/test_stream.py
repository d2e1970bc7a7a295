"""The batched pass against diffusers' transformer, sample by sample: velocities, loss and gradients."""

import copy

import pytest
import torch
from training_samples import make_transformer

from cosmos_policy.training.batches import Collator, _layout
from cosmos_policy.training.objective import mix_noise, velocity_loss
from cosmos_policy.training.patches import to_latents, to_tokens
from cosmos_policy.training.roles import Role
from cosmos_policy.training.settings import LossSettings
from cosmos_policy.training.stream import BatchedTransformer

ROLES = (
    Role(0, 1, "policy", 1, history=2, state=1, prefix=3),
    Role(0, 2, "policy", 0),
    Role(1, 0, "forward_dynamics", 4, history=3),
    Role(1, 2, "inverse_dynamics", 3),
    Role(0, 5, "video", 2),
    Role(0, 3, "inverse_dynamics", 1, state=1),
    Role(1, 1, "policy", 2, prefix=11),
)
TIMES = torch.tensor([0.9, 0.31, 0.05, 0.77, 1.0, 0.5, 0.623])


def one_by_one(transformer, data, noised, roles, times):
    """diffusers' own forward for every sample of the batch: (video velocities as tokens, action velocities)."""
    config, answers = transformer.config, []
    for index, role in enumerate(roles):
        group, text = data.groups[role.group], data.texts.ids[role.text]
        layout = _layout(group, role)
        und, video_end = len(text), layout.video_tokens
        video = noised.network.video[index, :video_end]
        shape = (8, layout.latent_frames, layout.latent_height, layout.latent_width)
        latents = to_latents(video[None], 2, shape)
        frames = torch.arange(layout.known_frames, layout.latent_frames)
        moving = (frames[:, None] * layout.frame_tokens + torch.arange(layout.frame_tokens)).flatten()
        text_positions = torch.arange(und).float().expand(3, -1)
        arguments = {
            "input_ids": text,
            "text_indexes": torch.arange(und),
            "position_ids": torch.cat([text_positions, layout.positions(und, config)], dim=1),
            "und_len": und,
            "sequence_length": und + layout.tokens,
            "vision_tokens": [latents],
            "vision_token_shapes": [(layout.latent_frames, layout.patch_rows, layout.patch_columns)],
            "vision_sequence_indexes": torch.arange(und, und + video_end),
            "vision_mse_loss_indexes": und + moving,
            "vision_timesteps": torch.full((len(moving),), 1000.0 * float(times[index])),
            "vision_noisy_frame_indexes": [frames],
        }
        if layout.rows:
            noisy = torch.nonzero(~torch.tensor(layout.clean_rows))[:, 0]
            arguments |= {
                "action_tokens": [noised.network.rows[index, : layout.rows]],
                "action_token_shapes": [(layout.rows, 1, 1)],
                "action_sequence_indexes": torch.arange(und + video_end, und + layout.tokens),
                "action_mse_loss_indexes": und + video_end + noisy,
                "action_timesteps": torch.full((len(noisy),), 1000.0 * float(times[index])),
                "action_noisy_frame_indexes": [noisy],
                "action_domain_ids": [torch.tensor([group.domain])],
            }
        video_out, _, action_out = transformer(**arguments, return_dict=False)
        answers.append((to_tokens(video_out[0], 2)[0], action_out[0] if layout.rows else None))
    return answers


@pytest.fixture(params=[False, True], ids=["nano", "edge"])
def transformer(request, single_thread):
    return make_transformer(edge=request.param)


def noised_batch(transformer, data):
    clean = Collator(data, transformer.config, torch.device("cpu"), longest_history=3).batch(ROLES)
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(tokens.shape, generator=generator) for tokens in (clean.video, clean.rows)]
    return mix_noise(clean, TIMES, *noise)


def test_every_sample_of_a_batch_is_as_diffusers_computes_it_alone(transformer, data):
    noised = noised_batch(transformer, data)
    with torch.no_grad():
        expected = one_by_one(copy.deepcopy(transformer), data, noised, ROLES, TIMES)
        video, rows = BatchedTransformer(transformer)(noised.network)
    compared = 0
    for index, (one_video, one_rows) in enumerate(expected):
        live = noised.video_live[index, : len(one_video)] > 0
        torch.testing.assert_close(
            video[index, : len(one_video)][live], one_video[live], rtol=1e-5, atol=1e-5, msg=f"video of {ROLES[index]}"
        )
        compared += int(live.sum())
        if one_rows is not None:
            live = noised.rows_live[index, : len(one_rows)] > 0
            torch.testing.assert_close(
                rows[index, : len(one_rows)][live], one_rows[live], rtol=1e-5, atol=1e-5, msg=f"rows of {ROLES[index]}"
            )
            compared += int(live.sum())
    assert compared == int(noised.video_live.sum() + noised.rows_live.sum()) > 1000


def test_gradients_are_those_of_the_samples_one_by_one(transformer, data):
    reference = copy.deepcopy(transformer)
    noised, settings = noised_batch(transformer, data), LossSettings(video=1.0, action=10.0)
    alone = one_by_one(reference, data, noised, ROLES, TIMES)
    video, rows = torch.zeros_like(noised.video_velocity), torch.zeros_like(noised.rows_velocity)
    for index, (one_video, one_rows) in enumerate(alone):
        video[index, : len(one_video)] = one_video
        if one_rows is not None:
            rows[index, : len(one_rows)] = one_rows
    expected = velocity_loss(noised, video, rows, settings).total
    expected.backward()
    loss = velocity_loss(noised, *BatchedTransformer(transformer)(noised.network), settings).total
    loss.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    told = 0
    for (name, mine), theirs in zip(transformer.named_parameters(), reference.parameters(), strict=True):
        if mine.grad is None or theirs.grad is None:  # the last layer's text has no reader
            assert all(each.grad is None or not each.grad.any() for each in (mine, theirs)), name
            continue
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5, msg=name)
        told += bool(theirs.grad.any())
    assert told > 40


def test_gradient_checkpointing_changes_no_gradient(data, single_thread):
    plain, checkpointed = make_transformer(), make_transformer()
    checkpointed.enable_gradient_checkpointing()
    for transformer in (plain, checkpointed):
        noised = noised_batch(transformer, data)
        velocity_loss(noised, *BatchedTransformer(transformer)(noised.network), LossSettings()).total.backward()
    for mine, theirs in zip(checkpointed.parameters(), plain.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad)


def test_padding_is_never_read(data, single_thread):
    transformer = make_transformer()
    noised = noised_batch(transformer, data)
    network = noised.network
    with torch.no_grad():
        before = BatchedTransformer(transformer)(network)
        network.video[~network.video_valid] = 1e4
        network.rows[~network.rows_valid] = -1e4
        network.text_ids[~network.text_valid] = 7
        after = BatchedTransformer(transformer)(network)
    for valid, old, new in zip((network.video_valid, network.rows_valid), before, after, strict=True):
        assert torch.equal(old[valid], new[valid])


@pytest.mark.parametrize("shape", [(8, 2, 4, 6), (8, 3, 3, 5), (2, 1, 1, 1)])
def test_tokens_and_back(shape):
    latents = torch.randn(2, *shape)
    tokens = to_tokens(latents, 2)
    assert tokens.shape == (2, shape[1] * -(-shape[2] // 2) * -(-shape[3] // 2), 4 * shape[0])
    assert torch.equal(to_latents(tokens, 2, shape), latents)
