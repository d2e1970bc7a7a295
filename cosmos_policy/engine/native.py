"""The native engine: our own step loop on diffusers' modules and weights, batched and exact."""

from __future__ import annotations

import logging
import sys
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import groupby, islice

import numpy as np
import torch

from cosmos_policy.engine.attention import choose_attention
from cosmos_policy.engine.autoencoder import Autoencoder
from cosmos_policy.engine.batch import Batch, framer, make_batch
from cosmos_policy.engine.capabilities import autoencoder_bytes, check_fp8, choose_operations
from cosmos_policy.engine.denoiser import Denoiser, Plan, Told
from cosmos_policy.engine.graphs import Graphs
from cosmos_policy.engine.guidance import check_guidance, control_scale, is_guided, text_scale
from cosmos_policy.engine.heads import Heads
from cosmos_policy.engine.layout import Layout, layout_of
from cosmos_policy.engine.noise import draw_noises
from cosmos_policy.engine.offload import Offload, Placement
from cosmos_policy.engine.packing import ROOM_STEP, text_room
from cosmos_policy.engine.paths import Paths
from cosmos_policy.engine.request import WARM_UP_ROUNDS, EngineRequest, EngineResult, OnStep, Rest
from cosmos_policy.engine.share import Share
from cosmos_policy.engine.solver import Schedule, Solver
from cosmos_policy.engine.sound import SoundDecoder
from cosmos_policy.engine.stopwatch import Stopwatch
from cosmos_policy.engine.stream import take_layers
from cosmos_policy.engine.text import check_prompt_length, prompt_of_length, prompt_token_ids, system_prompt_for
from cosmos_policy.engine.text_cache import TextCache
from cosmos_policy.engine.text_tower import TextTower
from cosmos_policy.engine.weights import Parts
from cosmos_policy.engine.words import Prompts

logger = logging.getLogger(__name__)

#: bytes of prompts' keys and values that are kept: some forty prompts of Nano
TEXT_CACHE_BYTES = 2 << 30
TOKENS_PER_PASS = 16384
#: recorded steps: a robot's steps take two (the last one reads less) for each room that prompts may need
KEPT_GRAPHS = 32
#: prompts whose token ids are kept: tokenising takes half a millisecond
KEPT_PROMPTS = 256
#: warming up makes ready for prompts of up to so many tokens
WARM_TEXT_TOKENS = 512


class NativeEngine:
    """Runs batches of :class:`EngineRequest`.

    parts: a checkpoint's modules; with `offload` (see :mod:`cosmos_policy.engine.offload`) the transformer is in host
    memory, else on `device`. fp8: whether the generation stream's linear layers are quantised. paths: the fastest
    ones where nothing is said. share: what of it all is computed in this process (several processes run the same
    requests then; :mod:`cosmos_policy.engine.parallel`); None: everything.
    """

    def __init__(
        self,
        parts: Parts,
        device: torch.device,
        dtype: torch.dtype,
        fp8: bool = False,
        offload: Offload | None = None,
        paths: Paths | None = None,
        share: Share | None = None,
    ):
        self.device, self.dtype, self.transformer = device, dtype, parts.transformer
        self._parts, self._grid, self._share = parts, parts.grid, share or Share()
        network = parts.transformer
        config = network.config
        paths = paths or Paths()
        operations = paths.operations or choose_operations(device)
        if fp8:
            check_fp8(device, dtype)
        own = network.layers[0].self_attn  # of a layer that is cut, its own heads
        attention = paths.attention or choose_attention(
            device, dtype, own.num_attention_heads, own.num_key_value_heads, config.head_dim
        )
        placement = Placement(network, device, offload)
        layers = placement.video_layers(take_layers(network, fp8))
        stream = paths.stream(layers, network.norm_moe_gen.weight.data, config.rms_norm_eps, attention, operations)
        self._heads = Heads(network, dtype)
        self._frame = framer(device)
        self._graphs = Graphs(device, KEPT_GRAPHS)
        self._recorded_tokens = 0 if offload == "layers" else paths.recorded_tokens
        padded_tokens = self._recorded_tokens if self._graphs.works else 0
        if device.type == "cuda" and attention.everywhere:
            padded_tokens = sys.maxsize
        # steps of at most so many tokens are another thing to the device with prompts of another room
        self._roomy_tokens = self._recorded_tokens if attention.padded.reads_lengths else padded_tokens
        self._denoiser = Denoiser(network, self._heads, stream, device, TOKENS_PER_PASS, padded_tokens, self._share)
        self._autoencoder = Autoencoder(parts.vae, operations, autoencoder_bytes(device))
        self._sound = SoundDecoder(parts.folder, device)
        self._solver = Solver(parts.scheduler, parts.native_flow, parts.distilled_sigmas)
        self._token_ids = lru_cache(maxsize=KEPT_PROMPTS)(partial(prompt_token_ids, parts.tokenizer))
        tower = TextTower(network, device, placement)
        self.texts = TextCache(tower.read, TEXT_CACHE_BYTES)
        path = [device.type, f"attention: {attention.name}", operations.name]
        path += ["fp8"] * fp8 + [f"offload: {offload}"] * (offload is not None)
        self.name = f"native ({', '.join(path)})"

    def run(
        self, requests: Sequence[EngineRequest], on_step: OnStep | None = None, rest: Rest | None = None
    ) -> list[EngineResult]:
        """Answers, in order. Requests of one schedule (steps and flow shift) run together, whatever their sizes."""
        count = _Counter(on_step, sum(key[0] for key in {_schedule_key(request) for request in requests}), self.device)
        layouts = [layout_of(request, self._grid) for request in requests]
        for request in requests:
            check_guidance(request.sampling)
        results: dict[int, EngineResult] = {}
        order = sorted(range(len(requests)), key=lambda index: _schedule_key(requests[index]))
        with torch.inference_mode():
            for (steps, shift), group in groupby(order, key=lambda index: _schedule_key(requests[index])):
                places = list(group)
                schedule = self._solver.schedule(steps, shift)
                answers = self._run_batch(
                    [requests[place] for place in places], [layouts[place] for place in places], schedule, count, rest
                )
                results.update(zip(places, answers, strict=True))
        return [results[place] for place in range(len(requests))]

    @property
    def recordings(self) -> int:
        """How many steps were recorded as CUDA graphs so far."""
        return self._graphs.recordings

    def warm_up(self, requests: Sequence[EngineRequest], other_prompts: bool = True) -> None:
        """Run `requests` until every kernel they need is chosen, compiled and recorded. other_prompts: likewise with
        prompts of every length up to ``WARM_TEXT_TOKENS``, where these lengths make a difference."""
        for _ in range(WARM_UP_ROUNDS if self._graphs.works else 1):
            self.run(requests)
        if other_prompts:
            for others in self.with_other_prompts(requests):
                for _ in range(2):  # once plainly, once to be recorded
                    self.run(others)

    def close(self) -> None:
        """Drop the weights. Closing twice is harmless."""
        if self.texts is not None:
            self.texts.clear()
        self.transformer = None
        self._parts = self._denoiser = self._autoencoder = self._heads = self.texts = self._graphs = self._sound = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _run_batch(
        self,
        requests: list[EngineRequest],
        layouts: list[Layout],
        schedule: Schedule,
        count: _Counter,
        rest: Rest | None,
    ) -> list[EngineResult]:
        watch = Stopwatch(self.device)
        prompts = self._read_prompts(requests, schedule)
        watch.mark("text")
        rest_encoding = rest if self._share.alone else None  # all processes must do the same until they have encoded
        known = self._encode([request.frames[None] for request in requests], layouts, rest_encoding)
        controls = self._encode([request.controls for request in requests], layouts, rest_encoding)
        batch = make_batch(requests, layouts, self._frame(tuple(layouts)), known, controls, self.device)
        watch.mark("encode")
        video, sound, rows = self._denoise(batch, schedule, prompts, watch, count)
        films = self._decode(batch, video, rest) if self._share.answers else {}
        sounds = self._decode_sound(layouts, sound) if self._share.answers else {}
        watch.mark("decode")
        answers = rows.cpu().numpy()
        films = {place: film.cpu().numpy() for place, film in films.items()}
        watch.mark("transfer")
        timing, step_ms = watch.read()
        results, start = [], 0
        for place, (request, layout) in enumerate(zip(requests, layouts, strict=True)):
            own = np.ascontiguousarray(answers[start : start + layout.rows, : layout.columns])
            clean = np.asarray(layout.clean_rows, dtype=bool)
            own[clean] = request.rows[clean]
            results.append(EngineResult(own, films.get(place), dict(timing), step_ms, sounds.get(place)))
            start += layout.rows
        return results

    def _read_prompts(self, requests: list[EngineRequest], schedule: Schedule) -> Prompts:
        """The prompts' memories, and the negative prompts' of the requests that are guided at any step."""
        texts, negatives = [], []
        for request in requests:
            guided = any(is_guided(request.sampling, *step) for step in enumerate(schedule.timesteps))
            for memories, prompt in ((texts, request.prompt), (negatives, request.negative_prompt)):
                if memories is negatives and not guided:
                    memories.append(None)
                    continue
                ids = self._token_ids(prompt, self._parts.system_prompt, system_prompt_for(request))
                check_prompt_length(ids, request.max_prompt_tokens)
                memories.append(self.texts.get(ids))
        return Prompts(texts, negatives)

    def with_other_prompts(self, requests: Sequence[EngineRequest]) -> list[list[EngineRequest]]:
        """`requests` with prompts of every other room; none where nothing is compiled or recorded for a room."""
        if sum(layout_of(request, self._grid).tokens for request in requests) > self._roomy_tokens:
            return []

        def count(text: str, request: EngineRequest) -> int:
            return len(self._token_ids(text, self._parts.system_prompt, system_prompt_for(request)))

        longest = max(count(request.prompt, request) for request in requests)
        rooms = range(ROOM_STEP, text_room(max(longest, WARM_TEXT_TOKENS)) + 1, ROOM_STEP)
        return [
            [
                replace(
                    request,
                    prompt=prompt_of_length(request.prompt, room, partial(count, request=request)),
                    max_prompt_tokens=None,
                )
                for request in requests
            ]
            for room in rooms
            if room != text_room(longest)
        ]

    def _encode(
        self, clips: list[np.ndarray | None], layouts: list[Layout], rest: Rest | None
    ) -> list[torch.Tensor | None]:
        """Of each request's clips [n, T, H, W, 3] the latents, cut to the content; clips of one shape go together."""
        shapes: dict[tuple[int, ...], list[int]] = {}
        for place, clip in enumerate(clips):
            if clip is not None and clip.size:
                shapes.setdefault(clip.shape, []).append(place)
        known: list[torch.Tensor | None] = [None] * len(clips)
        for (count, *_), places in shapes.items():
            latents = self._autoencoder.encode(np.concatenate([clips[place] for place in places]), rest)
            latents = self._share.known(latents)
            for place, latent in zip(places, latents.split(count), strict=True):
                known[place] = latent[..., : layouts[place].latent_height, : layouts[place].latent_width]
        return known

    def _denoise(self, batch: Batch, schedule: Schedule, prompts: Prompts, watch: Stopwatch, count: _Counter):
        """The final video tokens, sound latents and action rows."""
        pairs = zip(batch.layouts, batch.requests, strict=True)
        draws = [
            islice(draw_noises(layout, asked.seed, self.device), asked.noise_index, None) for layout, asked in pairs
        ]
        noise = batch.join([next(draw) for draw in draws])
        history = noise.new_empty(schedule.rows * len(schedule.timesteps) + 1, len(noise))
        history[0] = noise
        live = batch.frame.live
        state = torch.where(live, noise, batch.clean)
        watch.mark("noise")
        told: dict[Hashable, Told] = {}
        for step, timestep in enumerate(schedule.timesteps):
            scales = tuple(text_scale(request.sampling, step, timestep) for request in batch.requests)
            controls = tuple(control_scale(request, timestep) for request in batch.requests)
            plan = self._plan(batch, prompts, step, schedule, scales, controls)
            key = (plan, scales, controls)
            if key not in told:
                told[key] = self._denoiser.tell(batch, plan, prompts, scales, controls)
            embedding = self._heads.embed_timestep(timestep, self.device)
            rows = schedule.rows * (step + 1)
            history[rows + 1 - schedule.rows] = self._velocity(batch, plan, told[key], state, embedding)
            if schedule.fresh:
                history[rows] = batch.join([next(draw) for draw in draws])
            state = torch.where(live, schedule.advance(step, history[: rows + 1]), batch.clean)
            watch.mark("step")
            count.step()
        return batch.split(state)

    def _velocity(self, batch: Batch, plan: Plan, told: Told, state, embedding) -> torch.Tensor:
        """The flat velocity of the flat `state`; recorded where launching kernels would take longer than they do."""

        def compute(state: torch.Tensor, embedding: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
            own = told.with_tensors(rest)
            return batch.join([self._denoiser.velocities(batch.split(state), batch, plan, own, embedding)])

        if plan.tokens > self._recorded_tokens:
            return compute(state, embedding, *told.tensors)
        # Everything that prompts and guidance change is an input: one recording serves them all.
        return self._graphs.run((plan, batch.frame), compute, state, embedding, *told.tensors)

    def _plan(
        self,
        batch: Batch,
        prompts: Prompts,
        step: int,
        schedule: Schedule,
        scales: Sequence[float],
        controls: Sequence[float],
    ) -> Plan:
        # The last step's video velocity moves nothing but the video.
        last = step == len(schedule.timesteps) - 1
        videos = [request.video or not last for request in batch.requests]
        lengths = [[0 if text is None else text.tokens for text in side] for side in (prompts.texts, prompts.negatives)]
        return self._denoiser.plan(batch, *lengths, scales, controls, videos)

    def _decode(self, batch: Batch, video: torch.Tensor, rest: Rest | None) -> dict[int, torch.Tensor]:
        """request -> uint8 frames [T + 1, H, W, 3] on the device, of those who want them."""
        films, start = {}, 0
        for place, (request, layout) in enumerate(zip(batch.requests, batch.layouts, strict=True)):
            if request.video:
                latents = layout.to_latents(video[start + layout.made_start : start + layout.video_tokens])
                films[place] = self._autoencoder.decode(latents, rest)[0]
            start += layout.video_tokens
        return films

    def _decode_sound(self, layouts: list[Layout], sound: torch.Tensor) -> dict[int, np.ndarray]:
        """request -> float32 [channels, samples], of those that make sound."""
        parts = sound.split([layout.sound_frames for layout in layouts])
        return {place: self._sound.decode(part) for place, part in enumerate(parts) if len(part)}


class _Counter:
    """Tells of the steps of one run. On CUDA it waits for each of them: a step that is told has been made."""

    def __init__(self, on_step: OnStep | None, steps: int, device: torch.device):
        self._on_step, self._steps, self._device, self._done = on_step, steps, device, 0

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._on_step is None:
            return
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        self._on_step(self._done, self._steps)


def _schedule_key(request: EngineRequest) -> tuple[int, float]:
    return request.sampling.num_inference_steps, request.sampling.flow_shift
