"""What is said: token by token that of transformers' own ``generate`` with the same weights."""

from functools import partial

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.video_utils import load_video

from cosmos_policy.errors import Cancelled, UsageError
from cosmos_policy.reasoner import reasoner as module
from cosmos_policy.types import ReasonRequest, ReasonSampling, Reply, Sampling

GREEDY = ReasonSampling(temperature=0, presence_penalty=0.0)


def ask(*parts, **options) -> ReasonRequest:
    options.setdefault("max_tokens", 16)
    return ReasonRequest([{"role": "user", "content": list(parts)}], **options)


def words(text: str) -> dict:
    return {"type": "text", "text": text}


def show(picture) -> dict:
    return {"type": "image", "image": picture}


def tokens_of(reasoner, request) -> list[int]:
    """The tokens that the reasoner draws for one request."""
    drawn: list[int] = []
    answer = reasoner._read(0, request, module.read_source)
    graphs = module.Graphs(reasoner.device, 1)
    cache, logits = reasoner._read_prompt(answer)
    token = module.draw(logits, [answer.drawing]).item()
    rows = module.Rows(1, module.room_for(len(answer.prompt.ids) + 1), cache)
    rows.take(0, cache)
    while True:
        drawn.append(token)
        list(reasoner._note(answer, token))
        if answer.ended is not None:
            return drawn
        rows, logits = reasoner._step(rows, {0: answer}, graphs)
        token = module.draw(logits, [answer.drawing]).item()


def inputs_of(processor, request):
    """The same conversation through transformers' own template, sampling of frames, and processor."""
    parts = [
        part for message in request.messages if not isinstance(message["content"], str) for part in message["content"]
    ]
    media = {}
    if pictures := [part["image"] for part in parts if part["type"] == "image"]:
        media["images"] = pictures
    if films := [part["path"] for part in parts if part["type"] == "video"]:
        sample = partial(sample_of, processor.video_processor)
        loaded = [load_video(film, backend="pyav", sample_indices_fn=sample) for film in films]
        media["videos"], media["video_metadata"] = (list(part) for part in zip(*loaded, strict=True))
        media |= {"do_sample_frames": False, "return_metadata": True}
        if hasattr(processor.video_processor, "cap_pixels_per_frame"):
            media["cap_pixels_per_frame"] = False
    text = processor.apply_chat_template(list(request.messages), tokenize=False, add_generation_prompt=True)
    inputs = processor(text=[text], return_tensors="pt", return_mm_token_type_ids=True, **media)
    return {name: value for name, value in inputs.items() if name != "video_metadata"}


def sample_of(video_processor, metadata, **_):
    return video_processor.sample_frames(metadata, fps=2)


def generated(reference, inputs, **options) -> list[int]:
    network, processor = reference
    end = processor.tokenizer.eos_token_id
    with torch.inference_mode():
        whole = network.generate(**inputs, max_new_tokens=16, eos_token_id=end, pad_token_id=0, **options)
    return whole[0, inputs["input_ids"].shape[1] :].tolist()


def conversations(picture, film):
    small = np.ascontiguousarray(picture[:64, :64])
    return {
        "text": [words("put the banana in the bowl")],
        "picture": [show(picture), words("What is red?")],
        "pictures": [show(picture), show(small), words("Which is larger?")],
        "video": [{"type": "video", "path": str(film)}, words("What moves?")],
        "mixed": [show(small), {"type": "video", "path": str(film)}, words("Is it in there?")],
    }


@pytest.mark.parametrize("kind", ["text", "picture", "pictures", "video", "mixed"])
def test_greedy_words_are_those_of_generate(kind, reasoner, reference, picture, film):
    request = ask(*conversations(picture, film)[kind], sampling=GREEDY)
    inputs = inputs_of(reference[1], request)
    read = reasoner._read(0, request, module.read_source).prompt.inputs
    for name in read:
        assert torch.equal(read[name], inputs[name]), name
    assert tokens_of(reasoner, request) == generated(reference, inputs, do_sample=False)


@pytest.mark.parametrize("seed", [0, 1, 7])
@pytest.mark.parametrize("kind", ["text", "mixed"])
def test_drawn_words_are_those_of_generate(kind, seed, reasoner, reference, picture, film):
    sampling = ReasonSampling(temperature=0.9, top_p=0.9, top_k=50, repetition_penalty=1.2, presence_penalty=0.0)
    request = ask(*conversations(picture, film)[kind], sampling=sampling, seed=seed)
    inputs = inputs_of(reference[1], request)
    torch.manual_seed(seed)
    drawn = generated(reference, inputs, do_sample=True, temperature=0.9, top_p=0.9, top_k=50, repetition_penalty=1.2)
    assert tokens_of(reasoner, request) == drawn


@pytest.mark.parametrize("kind", ["text", "pictures", "video", "mixed"])
def test_edges_words_are_those_of_generate(kind, edge, picture, film):
    folder, generator = edge
    reasoner = module.load_reasoner(folder, generator, torch.device("cpu"))
    network = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(folder)
    request = ask(*conversations(picture, film)[kind], sampling=GREEDY)
    inputs = inputs_of(processor, request)
    assert tokens_of(reasoner, request) == generated((network, processor), inputs, do_sample=False)


def test_a_list_is_answered_as_each_alone(reasoner, picture, film, monkeypatch):
    """More requests than rows, of all kinds and lengths: rows are taken over while others go on."""
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    monkeypatch.setattr("cosmos_policy.reasoner.rows.GROWTH", 32)
    kinds = list(conversations(picture, film).values())
    requests = [
        ask(*kinds[place % 5], seed=place, max_tokens=3 + 7 * (place % 4), reasoning=place % 3 == 0)
        for place in range(9)
    ]
    together = reasoner.answer(requests)
    for request, reply in zip(requests, together, strict=True):
        alone = reasoner.answer([request])[0]
        assert (alone.text, alone.reasoning, alone.completion_tokens) == (
            reply.text,
            reply.reasoning,
            reply.completion_tokens,
        )
        assert alone.prompt_tokens == reply.prompt_tokens and alone.finish_reason == reply.finish_reason


def test_the_same_seed_says_the_same_and_another_something_else(tiny):
    first, again, other = (tiny.reason(ask(words("hello"), seed=seed)) for seed in (5, 5, 6))
    assert first.text == again.text != other.text


def test_presence_and_frequency_keep_tokens_from_coming_again(reasoner):
    plain = tokens_of(reasoner, ask(words("open the drawer"), sampling=GREEDY, max_tokens=60))
    assert len(set(plain)) < len(plain), "greedy words of tiny repeat themselves: else this shows nothing"
    for penalty in ("presence_penalty", "frequency_penalty"):
        sampling = ReasonSampling(**{"temperature": 0, "presence_penalty": 0.0, penalty: 2.0})
        rest = tokens_of(reasoner, ask(words("open the drawer"), sampling=sampling, max_tokens=60))
        assert len(set(rest)) > len(set(plain))


def test_a_stream_says_what_the_reply_says(tiny, picture):
    request = ask(show(picture), words("What?"), max_tokens=40, seed=3)
    *deltas, reply = tiny.stream_reason(request)
    assert isinstance(reply, Reply) and reply.text == tiny.reason(request).text
    assert "".join(delta.text for delta in deltas) == reply.text and len(deltas) > 3
    assert reply.info["checkpoint"] == "tiny" and reply.timing["total"] > 0
    assert reply.completion_tokens == 40 and reply.finish_reason == "length"


def test_a_stream_that_is_closed_computes_no_further(reasoner):
    stream = reasoner.stream(ask(words("hello"), max_tokens=2000))
    next(stream)
    stream.close()
    assert list(stream) == []


def test_a_stop_string_ends_the_answer_before_it(tiny):
    whole = tiny.reason(ask(words("stack the blocks"), max_tokens=40, seed=2))
    stop = whole.text[12:15]
    cut = tiny.reason(ask(words("stack the blocks"), max_tokens=40, seed=2, stop=(stop, "never said")))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert (cut.finish_reason, cut.stop) == ("stop", stop)
    assert cut.completion_tokens < whole.completion_tokens


def test_an_end_token_ends_the_turn(reasoner, monkeypatch):
    request = ask(words("hello"), sampling=GREEDY, max_tokens=30)
    tokens = tokens_of(reasoner, request)
    end = tokens[4]
    monkeypatch.setattr(reasoner, "_ends", frozenset([end]))
    reply = reasoner.answer([request])[0]
    assert reply.finish_reason == "stop" and reply.completion_tokens == tokens.index(end) + 1


def test_several_turns_are_read_in_order(reasoner, reference):
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Where is the cup?"},
        {"role": "assistant", "content": "On the table."},
        {"role": "user", "content": [words("And the bowl?")]},
    ]
    request = ReasonRequest(messages, sampling=GREEDY, max_tokens=16)
    inputs = inputs_of(reference[1], request)
    assert tokens_of(reasoner, request) == generated(reference, inputs, do_sample=False)
    text = reference[1].tokenizer.decode(inputs["input_ids"][0])
    assert text.index("Where is the cup?") < text.index("On the table.") < text.index("And the bowl?")


def test_reasoning_is_asked_for_in_the_last_message_and_drawn_by_its_own_defaults(reasoner):
    plain = reasoner._read(0, ask(words("Why?")), module.read_source)
    asked = reasoner._read(0, ask(words("Why?"), reasoning=True), module.read_source)
    text = reasoner.prompter.tokenizer.decode(asked.prompt.ids)
    assert "<think>" in text and text.rindex("Why?") < text.index("<think>")
    assert "<think>" not in reasoner.prompter.tokenizer.decode(plain.prompt.ids)
    assert plain.drawing.settings == ReasonSampling(0.7, 0.8, 20, 1.0, 1.5, 0.0)
    assert asked.drawing.settings == ReasonSampling(0.6, 0.95, 20, 1.0, 0.0, 0.0)


def test_a_picture_of_an_impossible_shape_is_refused(tiny):
    with pytest.raises(UsageError, match="cannot be prepared for the network: absolute aspect ratio"):
        tiny.reason(ask(show(np.zeros((2, 900, 3), np.uint8)), words("?")))


def test_more_tokens_than_the_network_reads_are_refused(tiny):
    with pytest.raises(UsageError, match="max_tokens is 32768; the network reads at most 32768"):
        tiny.reason(ask(words("hello"), max_tokens=32768))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_tokens": 0}, "max_tokens is 0; expected a whole number"),
        ({"stop": "now"}, "expected a tuple of strings"),
        ({"video_fps": -1.0}, "expected frames per second, above 0"),
        ({"video_fps": 1.0, "all_frames": True}, "expected one of them"),
        ({"colour": 1}, "Unknown option among colour; the call takes reasoning"),
    ],
)
def test_requests_that_mean_nothing_are_refused_in_one_sentence(tiny, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        tiny.reason([{"role": "user", "content": "hello"}], **options)


@pytest.mark.parametrize(
    "settings", [{"temperature": -1}, {"top_p": 0.0}, {"top_k": 1.5}, {"presence_penalty": 3}, {"top_p": float("nan")}]
)
def test_sampling_that_no_distribution_can_mean_is_refused(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        ReasonSampling(**settings)


def test_what_is_urgent_is_computed_between_the_layers_of_a_prompt(tiny, reasoner, observation, picture):
    robot = {"embodiment": "droid", "chunk_size": 4, "sampling": Sampling(1, 1.0, 5.0, 256), "seed": 2}
    wanted = tiny.policy(observation, "go", **robot).model
    request = ask(show(picture), words("What is red?"), max_tokens=6, seed=3)
    rests = []

    def rest():
        rests.append(None)
        np.testing.assert_array_equal(tiny.policy(observation, "go", **robot).model, wanted)

    *_, reply = reasoner.stream(request, rest=rest)
    assert reply.text == tiny.reason(request).text
    assert len(rests) == 5  # two layers of language, two of vision, and one of vision's mergers

    def leave():
        raise Cancelled

    with pytest.raises(Cancelled):
        list(reasoner.stream(request, rest=leave))
    assert tiny.reason(request).text == reply.text  # no layer rests any more
