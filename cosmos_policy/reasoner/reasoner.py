"""The reasoner: conversations in, words out. Several are answered at once, token by token."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, GenerationConfig

from cosmos_policy.engine.graphs import Graphs
from cosmos_policy.engine.request import Rest
from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.borrowing import borrow_weights
from cosmos_policy.reasoner.choosing import first_tokens, weigh
from cosmos_policy.reasoner.clips import VIDEO_FPS, Looking
from cosmos_policy.reasoner.conversation import Reader, Turn, read_conversation
from cosmos_policy.reasoner.defaults import sampling_for
from cosmos_policy.reasoner.mirroring import Group, Mirror
from cosmos_policy.reasoner.network import load_network
from cosmos_policy.reasoner.prompt import Prompt, Prompter, load_processor
from cosmos_policy.reasoner.resting import resting
from cosmos_policy.reasoner.rows import Rows, room_for, rows_that_fit
from cosmos_policy.reasoner.sampling import Drawing, draw
from cosmos_policy.reasoner.sources import read_source
from cosmos_policy.reasoner.transcript import Transcript
from cosmos_policy.types import ReasonRequest, Reply, ReplyDelta

#: answers that are written at once; more wait for a row
MOST_ROWS = 16
KEPT_GRAPHS = 1


@dataclass(eq=False)
class _Answer:
    """One request on its way. number: its place among the requests. offset: a token's position minus its place.
    choices: the tokens that the request's choices begin with."""

    number: int
    request: ReasonRequest
    prompt: Prompt
    drawing: Drawing
    transcript: Transcript
    prepare_ms: float
    started_s: float
    offset: int = 0
    drawn: int = 0
    last: int = 0
    ended: str | None = None
    first_s: float = 0.0
    info: dict[str, Any] = field(default_factory=dict)
    choices: tuple[int, ...] = ()

    @property
    def place(self) -> int:
        """Where in its row the last drawn token goes."""
        return len(self.prompt.ids) + self.drawn - 1


class Reasoner:
    """Answers conversations. network: transformers', on the language weights of a generator (:mod:`.network`).

    prompter: the checkpoint's processor. ends: the tokens that end a turn. device: where to compute; language weights
    that wait elsewhere come over layer by layer, in every step. mirror: tells the other processes that hold a part of
    the language weights; None where there are none.
    """

    def __init__(
        self,
        network: nn.Module,
        prompter: Prompter,
        ends: frozenset[int],
        device: torch.device,
        mirror: Mirror | None = None,
    ):
        self.network, self.prompter, self.device = network, prompter, device
        self.name = f"transformers {type(network).__name__}, language weights shared with the engine"
        self._borrows = borrow_weights(network, device)
        if self._borrows:
            self.name += ", brought over layer by layer"
        self._mirror = mirror
        self._ends, self._context = ends, network.config.get_text_config().max_position_embeddings

    def answer(self, requests: Sequence[ReasonRequest], read: Reader = read_source) -> list[Reply]:
        """Replies, in order; each is the one that its request gets alone. read: what messages may point to."""
        events = self._events(self._read_all(requests, read))
        replies = {number: said for number, said in events if isinstance(said, Reply)}
        return [replies[number] for number in range(len(requests))]

    def stream(
        self, request: ReasonRequest, read: Reader = read_source, rest: Rest | None = None
    ) -> Iterator[ReplyDelta | Reply]:
        """What is said as it is said, and at last the whole :class:`Reply`. Closing the iterator stops the answer.

        There is a delta for every token, also for one that adds nothing yet: whoever follows can stop at each. rest:
        called between the layers while the prompt is read; what it raises stops the answer.
        """
        for _, said in self._events(self._read_all([request], read), rest=rest):
            yield said

    def follow(
        self, requests: Sequence[ReasonRequest], read: Reader, stopped: Set[int], rest: Rest | None = None
    ) -> Iterator[tuple[int, ReplyDelta | Reply | UsageError]]:
        """Several at once: (request's number, what was said), for each as in :meth:`stream`, `rest` too; a wrong
        request's only event is its error. stopped: the numbers of those that nobody waits for any more; it may grow on
        the way."""
        waiting: deque[_Answer] = deque()
        for number, request in enumerate(requests):
            try:
                waiting.append(self._read(number, request, read))
            except UsageError as error:
                yield number, error
        yield from self._events(waiting, stopped, rest)

    def _read_all(self, requests: Sequence[ReasonRequest], read: Reader) -> deque[_Answer]:
        """All are read before one is answered: a wrong request costs nothing."""
        return deque(self._read(number, request, read) for number, request in enumerate(requests))

    def _events(
        self, waiting: deque[_Answer], stopped: Set[int] = frozenset(), rest: Rest | None = None
    ) -> Iterator[tuple[int, ReplyDelta | Reply]]:
        """(request's number, what was said)."""
        free = list(range(self._count_rows(waiting)))[::-1]
        longest = max((len(answer.prompt.ids) for answer in waiting), default=0)
        rows: Rows | None = None
        # Graphs keep the rows that they were recorded with: neither outlives the answers.
        graphs = Graphs(self.device, KEPT_GRAPHS)
        active: dict[int, _Answer] = {}
        while waiting or active:
            while waiting and free:
                answer = waiting.popleft()
                if answer.number in stopped:
                    continue
                # with others, between two calls of the layers alone
                with resting(self.network, self.device, rest if self._mirror is None else None):
                    cache, logits = self._read_prompt(answer)
                if answer.choices:
                    yield answer.number, self._chosen(answer, logits[0])
                    continue
                yield from self._note(answer, draw(logits, [answer.drawing]).item())
                if answer.ended is None and answer.number not in stopped:
                    row = free.pop()
                    active[row] = answer
                    if rows is None:
                        rows = Rows(len(free) + len(active), room_for(longest + 1), cache)
                    rows.take(row, cache)
                    if self._mirror is not None:
                        self._mirror.take(rows, row, cache)
            for row in [row for row, answer in active.items() if answer.number in stopped]:
                del active[row]
                free.append(row)
            if not active:
                continue
            rows, logits = self._step(rows, active, graphs)
            tokens = draw(logits[list(active)], [answer.drawing for answer in active.values()]).tolist()
            for (row, answer), token in zip(list(active.items()), tokens, strict=True):
                yield from self._note(answer, token)
                if answer.ended is not None:
                    del active[row]
                    free.append(row)

    def _count_rows(self, waiting: Sequence[_Answer]) -> int:
        """How many answers are written at once."""
        tokens = max((len(answer.prompt.ids) + answer.request.max_tokens for answer in waiting), default=0)
        config, dtype = self.network.config.get_text_config(), self.network.lm_head.weight.dtype
        return rows_that_fit(min(MOST_ROWS, len(waiting)), tokens, config, self.device, dtype)

    def _read(self, number: int, request: ReasonRequest, read: Reader) -> _Answer:
        started = time.perf_counter()
        fps = None if request.all_frames else request.video_fps or VIDEO_FPS
        turns: Sequence[Turn] = read_conversation(request.messages, Looking(fps=fps), read)
        prompt = self.prompter.prompt(turns, request.reasoning)
        if len(prompt.ids) + request.max_tokens > self._context:
            raise UsageError(
                f"The conversation has {len(prompt.ids)} tokens and max_tokens is {request.max_tokens}; the network "
                f"reads at most {self._context} together: ask for fewer tokens, or show fewer or smaller pictures."
            )
        settings = sampling_for(request.reasoning, request.sampling)
        vocabulary = self.network.config.get_text_config().vocab_size
        now = time.perf_counter()
        return _Answer(
            number,
            request,
            prompt,
            Drawing(settings, request.seed, prompt.ids, vocabulary),
            Transcript(self.prompter.tokenizer, request.stop, prompt.inside_thoughts),
            prepare_ms=1e3 * (now - started),
            started_s=now,
            info={"seed": request.seed, "sampling": settings, "reasoning": request.reasoning},
            choices=tuple(first_tokens(self.prompter.tokenizer, request.choices)),
        )

    @torch.inference_mode()
    def _read_prompt(self, answer: _Answer) -> tuple[DynamicCache, torch.Tensor]:
        """The prompt's keys and values, and the logits [1, vocabulary] of the first token."""
        answer.started_s = time.perf_counter()
        inputs, network = answer.prompt.inputs, self.network
        tokens = len(answer.prompt.ids)
        if "image_grid_thw" in inputs or "video_grid_thw" in inputs:
            positions, offset = network.model.get_rope_index(
                inputs["input_ids"],
                image_grid_thw=inputs.get("image_grid_thw"),
                video_grid_thw=inputs.get("video_grid_thw"),
                mm_token_type_ids=inputs["mm_token_type_ids"],
            )
            answer.offset = int(offset)
        else:
            positions = torch.arange(tokens, device=self.device).expand(3, 1, -1)
        cache = DynamicCache(config=network.config.get_text_config())
        result = network(**inputs, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache, result.logits[:, -1]

    @torch.inference_mode()
    def _step(self, rows: Rows, active: dict[int, _Answer], graphs: Graphs) -> tuple[Rows, torch.Tensor]:
        """One more token of every answer: logits [rows, vocabulary]."""
        longest = max(answer.place for answer in active.values()) + 1
        if longest > rows.length:
            wider = rows.grown(room_for(longest))
            if self._mirror is not None:
                self._mirror.grow(rows, wider)
            rows = wider
        state = torch.zeros(3, rows.count, dtype=torch.long)
        for row, answer in active.items():
            state[:, row] = torch.tensor([answer.last, answer.place, answer.place + answer.offset])

        def compute(state: torch.Tensor) -> torch.Tensor:
            tokens, places, positions = state
            rows.places.copy_(places)
            hidden = self.network.model.language_model(
                inputs_embeds=self.network.get_input_embeddings()(tokens[:, None]),
                position_ids=positions[None, :, None].expand(3, -1, -1),
                attention_mask=rows.mask(places),
                past_key_values=rows,
                use_cache=True,
            ).last_hidden_state
            return self.network.lm_head(hidden)[:, 0]

        state = state.to(self.device)
        return rows, compute(state) if self._borrows or self._mirror else graphs.run(rows, compute, state)

    def _note(self, answer: _Answer, token: int) -> Iterator[tuple[int, ReplyDelta | Reply]]:
        """Take one drawn token: yields what it adds to the words, and the reply where it was the last."""
        answer.last, answer.drawn = token, answer.drawn + 1
        answer.first_s = answer.first_s or time.perf_counter()
        deltas = []
        if token in self._ends:
            answer.ended = "stop"
        else:
            deltas.append(answer.transcript.add(token))
            if answer.transcript.stopped_by is not None:
                answer.ended = "stop"
            elif answer.drawn >= answer.request.max_tokens:
                answer.ended = "length"
        if answer.ended is not None:
            deltas.append(answer.transcript.finish())
            if answer.transcript.stopped_by is not None:
                answer.ended = "stop"
        for delta in deltas:
            yield answer.number, delta
        if answer.ended is not None:
            yield answer.number, self._reply(answer)

    def _chosen(self, answer: _Answer, logits: torch.Tensor) -> Reply:
        """The likeliest of the request's choices; nothing is written. logits: [vocabulary]."""
        among, share = weigh(logits, answer.choices)
        chances = dict(zip(answer.request.choices, among, strict=True))
        answer.first_s, answer.ended, answer.info["choices_share"] = time.perf_counter(), "stop", share
        reply = self._reply(answer)
        return replace(reply, text=max(chances, key=chances.__getitem__), choices=chances)

    def _reply(self, answer: _Answer) -> Reply:
        now, transcript = time.perf_counter(), answer.transcript
        timing = {
            "prepare": answer.prepare_ms,
            "first_token": 1e3 * (answer.first_s - answer.started_s),
            "decode": 1e3 * (now - answer.first_s),
        }
        return Reply(
            text=transcript.text,
            reasoning=transcript.thoughts,
            finish_reason=answer.ended,
            prompt_tokens=len(answer.prompt.ids),
            completion_tokens=answer.drawn,
            reasoning_tokens=transcript.thought_tokens,
            stop=transcript.stopped_by,
            timing={**timing, "total": sum(timing.values())},
            info={**answer.info, "engine": self.name},
        )


def load_reasoner(folder: Path, transformer: nn.Module, device: torch.device, group: Group | None = None) -> Reasoner:
    """The reasoner of a checkpoint folder. transformer: diffusers' network in it, loaded. group: those who hold the
    other parts of its language weights."""
    dtype = transformer.embed_tokens.weight.dtype
    network = load_network(folder, transformer, device, dtype)
    prompter = Prompter(load_processor(folder), device, dtype)
    ends = _end_tokens(folder, network.config, prompter.tokenizer)
    mirror = None
    if group is not None:
        mirror = Mirror(group, network, folder, transformer.layers[0].self_attn.num_key_value_groups)
    return Reasoner(network, prompter, ends, device, mirror)


def _end_tokens(folder: Path, config: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a turn, of everything in the folder that names one."""
    named = [tokenizer.eos_token_id, getattr(config.get_text_config(), "eos_token_id", None)]
    if (folder / "generation_config.json").is_file():
        named.append(GenerationConfig.from_pretrained(folder).eos_token_id)
    flat = [token for entry in named for token in (entry if isinstance(entry, (list, tuple)) else [entry])]
    return frozenset(token for token in flat if token is not None)
