"""A small explicit step loop around diffusers' own transformer and scheduler: what the pipeline cannot express.

Segments are built by hand, one request and one branch at a time, with nothing shared with the engine under test but
the request: diffusers' position helpers, its scheduler's own ``step``, its autoencoder.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers.pipelines.cosmos.pipeline_cosmos3_omni import get_3d_mrope_ids_text_tokens, get_3d_mrope_ids_vae_tokens

from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.engine.text import prompt_token_ids
from cosmos_policy.engine.weights import Parts


@torch.no_grad()
def run_by_hand(parts: Parts, request: EngineRequest, guided) -> np.ndarray:
    """The action rows. guided: (step, timestep) -> whether guidance is on."""
    network, sampling = parts.transformer, request.sampling
    pixels = torch.from_numpy(request.frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    known = parts.vae.encode(pixels).latent_dist.mode()
    height, width = request.fit.content_height // 16, request.fit.content_width // 16
    known = known[..., :height, :width]
    frames = (request.num_frames - 1) // 4 + 1
    generator = torch.Generator().manual_seed(request.seed)
    video = torch.randn((1, known.shape[1], frames, height, width), generator=generator)
    video[:, :, : known.shape[2]] = known
    count, columns = request.rows.shape
    rows = torch.randn((count, network.config.action_dim), generator=generator)
    rows[:, columns:] = 0
    clean = torch.from_numpy(request.clean_rows)
    rows[clean, :columns] = torch.from_numpy(request.rows)[clean]
    schedulers = [
        type(parts.scheduler).from_config(parts.scheduler.config, flow_shift=sampling.flow_shift) for _ in range(2)
    ]
    for scheduler in schedulers:
        scheduler.set_timesteps(sampling.num_inference_steps)
    given_video, given_rows = video.clone(), rows.clone()
    for step, timestep in enumerate(schedulers[0].timesteps):
        speeds = _velocity(parts, request, request.prompt, video, rows, int(timestep), known.shape[2])
        if guided(step, int(timestep)):
            other = _velocity(parts, request, request.negative_prompt, video, rows, int(timestep), known.shape[2])
            speeds = [away + sampling.guidance_scale * (to - away) for to, away in zip(speeds, other, strict=True)]
        speeds[1][:, columns:] = 0
        video = schedulers[0].step(speeds[0], timestep, video, return_dict=False)[0]
        rows = schedulers[1].step(speeds[1][None], timestep, rows[None], return_dict=False)[0][0]
        video[:, :, : known.shape[2]] = given_video[:, :, : known.shape[2]]
        rows[clean] = given_rows[clean]
    return rows[:, :columns].numpy()


def _velocity(parts: Parts, request: EngineRequest, prompt: str, video, rows, timestep: int, known: int):
    network, config = parts.transformer, parts.transformer.config
    ids = torch.tensor(prompt_token_ids(parts.tokenizer, prompt, parts.system_prompt))
    text, offset = get_3d_mrope_ids_text_tokens(len(ids), 0, config.enable_fps_modulation)
    offset += config.unified_3d_mrope_temporal_modality_margin
    frames, height, width = video.shape[2], -(-video.shape[3] // 2), -(-video.shape[4] // 2)
    places, _ = get_3d_mrope_ids_vae_tokens(
        frames, height, width, offset, fps=request.fps, base_fps=float(config.base_fps), temporal_compression_factor=4
    )
    row_places, _ = get_3d_mrope_ids_vae_tokens(
        len(rows), 1, 1, offset, fps=request.fps, base_fps=float(config.base_fps), temporal_compression_factor=1,
        base_temporal_compression_factor=4, start_frame_offset=request.row_offset,
    )  # fmt: skip
    noisy_frames = torch.arange(known, frames)
    noisy_rows = torch.from_numpy(np.flatnonzero(~request.clean_rows))
    tokens, cells = len(ids), height * width
    first_row = tokens + frames * cells
    speeds = network(
        input_ids=ids,
        text_indexes=torch.arange(tokens),
        position_ids=torch.cat([text, places, row_places], dim=1),
        und_len=tokens,
        sequence_length=first_row + len(rows),
        vision_tokens=[video],
        vision_token_shapes=[(frames, height, width)],
        vision_sequence_indexes=torch.arange(tokens, first_row),
        vision_mse_loss_indexes=torch.arange(tokens + known * cells, first_row),
        vision_timesteps=torch.full((len(noisy_frames) * cells,), timestep),
        vision_noisy_frame_indexes=[noisy_frames],
        action_tokens=[rows],
        action_token_shapes=[(len(rows), 1, 1)],
        action_sequence_indexes=torch.arange(first_row, first_row + len(rows)),
        action_mse_loss_indexes=first_row + noisy_rows,
        action_timesteps=torch.full((len(noisy_rows),), timestep),
        action_noisy_frame_indexes=[noisy_rows],
        action_domain_ids=[torch.tensor(request.domain_id)],
        return_dict=False,
    )
    return [speeds[0][0], speeds[2][0]]
