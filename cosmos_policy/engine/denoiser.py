"""One step's velocities for a batch: every branch in as few passes as memory allows, then guidance."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cosmos_policy.engine.batch import Batch
from cosmos_policy.engine.heads import Heads, merge_domains
from cosmos_policy.engine.packing import Branch, Pack, pack, split_by_tokens
from cosmos_policy.engine.stream import Stream
from cosmos_policy.engine.text_cache import TextMemory

#: layouts of steps that are kept ready
KEPT_PLANS = 64


@dataclass(frozen=True, eq=False)
class Prompts:
    """What each request of a batch attends to. negatives: None where a request is never guided."""

    texts: Sequence[TextMemory]
    negatives: Sequence[TextMemory | None]

    def of(self, branches: Sequence[Branch]) -> list[TextMemory]:
        """The memory of each branch."""
        return [(self.negatives if branch.negative else self.texts)[branch.request] for branch in branches]


@dataclass(frozen=True, eq=False)
class Pass:
    """One packed stream, where its tokens come from, and where its results go.

    source: int64, tokens of the stream of all requests. video_from, rows_from: int64, places among the needed tokens.
    video_to, rows_to: int64, rows of the velocities (first all requests under their prompts, then under the negative
    ones). domains: (domain, rows) runs of the needed action rows.
    """

    pack: Pack
    source: torch.Tensor
    video_from: torch.Tensor
    video_to: torch.Tensor
    rows_from: torch.Tensor
    rows_to: torch.Tensor
    domains: list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Plan:
    """What one step computes. video_scales, row_scales: float32 [tokens, 1], the guidance scale where a token's request
    is guided at this step, 1 elsewhere; None where nothing is guided."""

    passes: tuple[Pass, ...]
    video_scales: torch.Tensor | None
    row_scales: torch.Tensor | None

    @property
    def tokens(self) -> int:
        """Packed tokens of all passes."""
        return sum(part.pack.tokens for part in self.passes)


class Denoiser:
    """transformer: diffusers'. tokens_per_pass: how many tokens one pass over the layers may hold."""

    def __init__(self, transformer, heads: Heads, stream: Stream, tokens_per_pass: int):
        self._transformer, self._heads, self._stream = transformer, heads, stream
        self._tokens_per_pass = tokens_per_pass
        self._plans: OrderedDict[tuple, Plan] = OrderedDict()

    def plan(
        self,
        batch: Batch,
        text_tokens: Sequence[int],
        negative_tokens: Sequence[int],
        guided: Sequence[bool],
        videos: Sequence[bool],
    ) -> Plan:
        """Lay out a step; what was laid out before is found again.

        text_tokens, negative_tokens: of each request's prompts. guided, videos: whether each is guided at this step,
        and whether its video's velocity is needed.
        """
        scales = tuple(
            request.sampling.guidance_scale if on else 1.0 for request, on in zip(batch.requests, guided, strict=True)
        )
        domains = tuple(request.domain_id for request in batch.requests)
        key = (batch.layouts, domains, tuple(text_tokens), tuple(negative_tokens), tuple(guided), tuple(videos), scales)
        if key not in self._plans:
            self._plans[key] = self._lay_out(batch, text_tokens, negative_tokens, guided, videos, scales)
            while len(self._plans) > KEPT_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return self._plans[key]

    def _lay_out(self, batch: Batch, text_tokens, negative_tokens, guided, videos, scales) -> Plan:
        needed = [layout.first_needed(video) for layout, video in zip(batch.layouts, videos, strict=True)]
        branches = [
            Branch(index, negative, layout, tokens, needed[index])
            for negative, lengths in ((False, text_tokens), (True, negative_tokens))
            for index, (layout, tokens) in enumerate(zip(batch.layouts, lengths, strict=True))
            if not negative or guided[index]
        ]
        device = batch.noisy.device
        passes = tuple(self._pass(batch, group, device) for group in split_by_tokens(branches, self._tokens_per_pass))
        if not any(guided):
            return Plan(passes, None, None)
        spread = {}
        for name in ("video_tokens", "rows"):
            counts = torch.tensor([getattr(layout, name) for layout in batch.layouts])
            spread[name] = torch.tensor(scales).repeat_interleave(counts)[:, None].to(device)
        return Plan(passes, spread["video_tokens"], spread["rows"])

    def _pass(self, batch: Batch, branches: list[Branch], device: torch.device) -> Pass:
        token_starts = batch.starts()
        video_starts, row_starts = [0], [0]
        for layout in batch.layouts:
            video_starts.append(video_starts[-1] + layout.video_tokens)
            row_starts.append(row_starts[-1] + layout.rows)
        parts = {name: [] for name in ("source", "video_from", "video_to", "rows_from", "rows_to")}
        domains, place = [], 0
        for branch in branches:
            layout, first = branch.layout, branch.first_needed
            start = token_starts[branch.request]
            parts["source"].append(torch.arange(start, start + layout.tokens))
            video, rows = max(layout.video_tokens - first, 0), layout.tokens - max(first, layout.video_tokens)
            parts["video_from"].append(torch.arange(place, place + video))
            stop = video_starts[branch.request + 1] + branch.negative * video_starts[-1]
            parts["video_to"].append(torch.arange(stop - video, stop))
            parts["rows_from"].append(torch.arange(place + video, place + video + rows))
            stop = row_starts[branch.request + 1] + branch.negative * row_starts[-1]
            parts["rows_to"].append(torch.arange(stop - rows, stop))
            domains.append((batch.requests[branch.request].domain_id, rows))
            place += video + rows
        tensors = {name: torch.cat(part).to(device, non_blocking=True) for name, part in parts.items()}
        return Pass(pack(branches, self._transformer, device), domains=merge_domains(domains), **tensors)

    def velocities(
        self,
        video: torch.Tensor,
        rows: torch.Tensor,
        batch: Batch,
        plan: Plan,
        prompts: Prompts,
        timestep: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """float32 velocities of `video` [video tokens, patch width] and `rows` [rows, action width], guided; zero
        where nothing is needed, and anything where nothing is denoised. timestep: its embedding [1, hidden size]."""
        hidden = self._heads.embed(video, rows, batch, timestep)
        branches = 2 if plan.video_scales is not None else 1
        video_out = video.new_zeros(branches * len(video), video.shape[1])
        rows_out = rows.new_zeros(branches * len(rows), rows.shape[1])
        for part in plan.passes:
            needed = self._stream.run(hidden[part.source], part.pack, prompts.of(part.pack.branches))
            if len(part.video_from):
                video_out[part.video_to] = self._heads.video_velocity(needed[part.video_from])
            if len(part.rows_from):
                rows_out[part.rows_to] = self._heads.row_velocity(needed[part.rows_from], part.domains)
        if branches == 2:
            video_out = _guide(video_out, plan.video_scales)
            rows_out = _guide(rows_out, plan.row_scales)
        return video_out, rows_out


def _guide(both: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """``negative + scale * (prompt - negative)``, and the prompt's own velocity where the scale is 1."""
    prompt, negative = both.chunk(2)
    return torch.where(scales == 1, prompt, negative + scales * (prompt - negative))
