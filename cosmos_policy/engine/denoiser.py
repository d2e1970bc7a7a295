"""One step's velocities for a batch: every branch in as few passes as memory allows, then guidance."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, islice

import torch

from cosmos_policy.engine.batch import Batch
from cosmos_policy.engine.heads import Heads, merge_domains
from cosmos_policy.engine.layout import Layout
from cosmos_policy.engine.packing import Branch, Pack, split_by_tokens, text_room
from cosmos_policy.engine.share import Share
from cosmos_policy.engine.stream import Stream
from cosmos_policy.engine.words import Prompts, Words, word_reader

#: layouts of steps that are kept ready
KEPT_PLANS = 64


@dataclass(frozen=True, eq=False)
class Route:
    """Where the results of one kind of token (video, sound, action rows) come from and go to.

    needed: int64, places among the needed tokens of a pass. rows: int64, rows of the velocities (all requests under
    their prompts, then under the negative ones, then without controls).
    """

    needed: torch.Tensor
    rows: torch.Tensor


@dataclass(frozen=True, eq=False)
class Pass:
    """One packed stream, where its tokens come from, and where its results go.

    source: int64, tokens of the stream of all requests. routes: of video, sound and action rows. domains: (domain,
    rows) runs of the needed action rows.
    """

    pack: Pack
    source: torch.Tensor
    routes: tuple[Route, Route, Route]
    domains: list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Guidance:
    """The scales of one kind of token at one step: float32 [tokens, 1] each, 1 where there is no guidance.

    text: away from the negative prompt. control: away from what there is without control videos; None without any.
    """

    text: torch.Tensor
    control: torch.Tensor | None

    def weigh(self, sides: torch.Tensor) -> torch.Tensor:
        """The guided velocity. sides: [sides * tokens, width]; see :attr:`Branch.side`."""
        tokens = len(self.text)
        prompt, negative = sides[:tokens], sides[tokens : 2 * tokens]
        if self.control is not None:
            bare = sides[2 * tokens :]
            prompt = torch.where(self.control == 1, prompt, bare + self.control * (prompt - bare))
        return torch.where(self.text == 1, prompt, negative + self.text * (prompt - negative))


@dataclass(frozen=True, eq=False)
class Told:
    """What a step is told beside its plan, the state and the timestep. words: of each pass. guidance: of video, sound
    and rows; nothing where there is none."""

    words: tuple[Words, ...]
    guidance: tuple[Guidance, ...]

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Everything in it."""
        words = [tensor for one in self.words for tensor in one.tensors]
        scales = [part for one in self.guidance for part in (one.text, one.control) if part is not None]
        return (*words, *scales)

    def with_tensors(self, tensors: Sequence[torch.Tensor]) -> Told:
        """The same with other tensors in the places of :attr:`tensors`."""
        rest = iter(tensors)
        words = [Words.from_tensors(list(islice(rest, len(one.tensors)))) for one in self.words]
        guidance = [Guidance(next(rest), None if one.control is None else next(rest)) for one in self.guidance]
        return Told(tuple(words), tuple(guidance))


@dataclass(frozen=True, eq=False)
class Plan:
    """What one step computes, whatever the prompts and however strong the guidance. sides: of the velocities."""

    passes: tuple[Pass, ...]
    sides: int

    @property
    def tokens(self) -> int:
        """Packed tokens of all passes."""
        return sum(part.pack.tokens for part in self.passes)


class Denoiser:
    """transformer: diffusers', on `device`. tokens_per_pass: how many tokens one pass over the layers may hold.
    padded_tokens: steps of at most so many leave room for longer prompts, so that a prompt changes no shape. share:
    what is computed in this process; None: everything."""

    def __init__(
        self,
        transformer,
        heads: Heads,
        stream: Stream,
        device: torch.device,
        tokens_per_pass: int,
        padded_tokens: int,
        share: Share | None = None,
    ):
        self._heads, self._stream, self._device, self._share = heads, stream, device, share or Share()
        self._tokens_per_pass, self._padded_tokens = tokens_per_pass, padded_tokens
        self._plans: OrderedDict[tuple, Plan] = OrderedDict()
        self._read_words = word_reader(transformer, device)

    def plan(
        self,
        batch: Batch,
        text_tokens: Sequence[int],
        negative_tokens: Sequence[int],
        scales: Sequence[float],
        controls: Sequence[float],
        videos: Sequence[bool],
    ) -> Plan:
        """Lay out a step; what was laid out before is found again.

        text_tokens, negative_tokens: of each request's prompts. scales, controls: how strongly each is guided by its
        prompt and by its control videos at this step; 1 is not, and all else is laid out alike. videos: whether its
        video's velocity is needed.
        """
        domains = tuple(request.domain_id for request in batch.requests)
        padded = _count_tokens(batch, scales, controls) <= self._padded_tokens
        if padded:
            text_tokens, negative_tokens = (
                [text_room(max(lengths))] * len(lengths) for lengths in (text_tokens, negative_tokens)
            )
        guided, controlled = ([scale != 1 for scale in each] for each in (scales, controls))
        told = (text_tokens, negative_tokens, guided, controlled, videos)
        key = (padded, batch.layouts, domains, *map(tuple, told))
        if key not in self._plans:
            self._plans[key] = self._lay_out(batch, padded, *told)
            while len(self._plans) > KEPT_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return self._plans[key]

    def tell(
        self, batch: Batch, plan: Plan, prompts: Prompts, scales: Sequence[float], controls: Sequence[float]
    ) -> Told:
        """What a step of `plan` is told of these prompts and this guidance. scales, controls: those of the plan."""
        words = tuple(self._read_words(part.pack, prompts) for part in plan.passes)
        if plan.sides == 1:
            return Told(words, ())
        found = []
        for lengths in zip(*map(_lengths, batch.layouts), strict=True):
            counts = torch.tensor(lengths)
            text, control = (
                torch.tensor(each).repeat_interleave(counts)[:, None].to(self._device, non_blocking=True)
                for each in (scales, controls)
            )
            found.append(Guidance(text, control if plan.sides == 3 else None))
        return Told(words, tuple(found))

    def _lay_out(self, batch: Batch, padded: bool, text_rows, negative_rows, guided, controlled, videos) -> Plan:
        whole = list(enumerate(batch.layouts))
        bare = [(index, replace(layout, controls=0)) for index, layout in whole if controlled[index]]
        branches = [
            *(
                Branch(index, False, layout, text_rows[index], layout.first_needed(videos[index]))
                for index, layout in whole
            ),
            *(
                Branch(index, True, layout, negative_rows[index], layout.first_needed(videos[index]))
                for index, layout in whole
                if guided[index]
            ),
            *(
                Branch(index, False, layout, text_rows[index], layout.first_needed(videos[index]), bare=True)
                for index, layout in bare
            ),
        ]
        device = self._device
        groups = split_by_tokens(self._share.branches(branches), self._tokens_per_pass)
        passes = tuple(self._pass(batch, group, padded, device) for group in groups)
        return Plan(passes, 3 if bare else 2 if any(guided) else 1)

    def _pass(self, batch: Batch, branches: list[Branch], padded: bool, device: torch.device) -> Pass:
        token_starts = batch.starts()
        kinds = [[0, *accumulate(lengths)] for lengths in zip(*map(_lengths, batch.layouts), strict=True)]
        source, domains, place = [], [], 0
        needed: list[list[torch.Tensor]] = [[] for _ in kinds]
        rows: list[list[torch.Tensor]] = [[] for _ in kinds]
        for branch in branches:
            layout = branch.layout
            stop = token_starts[branch.request] + batch.layouts[branch.request].tokens
            front = stop - layout.tokens  # without controls, a branch lacks the front
            own_first, own_stop, repeats = self._share.window(layout.tokens)
            source.append(torch.arange(front + own_first, front + own_stop))
            source.append(torch.full((repeats,), stop - 1))
            end = 0
            for kind, (length, starts) in enumerate(zip(_lengths(layout), kinds, strict=True)):
                begin, end = end, end + length
                last = min(end, own_stop)
                count = max(last - max(begin, branch.first_needed, own_first), 0)
                needed[kind].append(torch.arange(place, place + count))
                stop = starts[branch.request + 1] + branch.side * starts[-1] - (end - last)
                rows[kind].append(torch.arange(stop - count, stop))
                place += count
            domains.append((batch.requests[branch.request].domain_id, count))
        routes = tuple(
            Route(torch.cat(one).to(device, non_blocking=True), torch.cat(other).to(device, non_blocking=True))
            for one, other in zip(needed, rows, strict=True)
        )
        packed = self._share.pack(branches, padded, device)
        return Pass(packed, torch.cat(source).to(device, non_blocking=True), routes, merge_domains(domains))

    def velocities(
        self,
        parts: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        batch: Batch,
        plan: Plan,
        told: Told,
        timestep: torch.Tensor,
    ) -> list[torch.Tensor]:
        """float32 velocities of `parts` (video, sound, action rows, as :meth:`Batch.split` gives them), guided; zero
        where nothing is needed, and anything where nothing is denoised. timestep: its embedding
        [1, hidden size]."""
        hidden = self._heads.embed(*parts, batch, timestep)
        out = [part.new_zeros(plan.sides * len(part), part.shape[1]) for part in parts]
        for part, own in zip(plan.passes, told.words, strict=True):
            needed = self._stream.run(hidden[part.source], part.pack, own)
            heads = (
                self._heads.video_velocity,
                self._heads.sound_velocity,
                partial(self._heads.row_velocity, domains=part.domains),
            )
            for velocity, route, head in zip(out, part.routes, heads, strict=True):
                if len(route.needed):
                    velocity[route.rows] = head(needed[route.needed])
        out = [self._share.join(velocity) for velocity in out]
        if not told.guidance:
            return out
        return [guidance.weigh(sides) for guidance, sides in zip(told.guidance, out, strict=True)]


def _count_tokens(batch: Batch, scales: Sequence[float], controls: Sequence[float]) -> int:
    """Of all branches of a step."""
    count = 0
    for layout, scale, control in zip(batch.layouts, scales, controls, strict=True):
        count += layout.tokens * (1 + (scale != 1)) + (layout.tokens - layout.made_start) * (control != 1)
    return count


def _lengths(layout: Layout) -> tuple[int, int, int]:
    """Tokens of each kind, in the order of the stream."""
    return layout.video_tokens, layout.sound_frames, layout.rows
