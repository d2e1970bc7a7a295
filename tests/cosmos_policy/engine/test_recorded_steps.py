"""One recording serves every instruction: what a prompt changes is an input of it."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from recordings import record_on_cpu
from small_requests import make_request

import cosmos_policy
from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.native import WARM_TEXT_TOKENS, NativeEngine
from cosmos_policy.engine.packing import ROOM_STEP, text_room
from cosmos_policy.engine.text import prompt_of_length
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.types import Sampling

CPU = torch.device("cpu")
SAMPLING = Sampling(2, 3.0, 5.0, 256)


@pytest.fixture(scope="module")
def parts(single_thread):
    return load_parts(resolve_checkpoint("tiny").folder, CPU, torch.float32)


@pytest.fixture(scope="module")
def plain(parts):
    """Launches everything one by one, and pads nothing."""
    return NativeEngine(parts, CPU, torch.float32)


@pytest.fixture
def recorded(parts, monkeypatch):
    record_on_cpu(monkeypatch)
    return NativeEngine(parts, CPU, torch.float32)


def with_tokens(engine, request, tokens):
    """`request` with a prompt of `tokens` tokens."""
    return replace(
        request, prompt=prompt_of_length(request.prompt, tokens, lambda text: len(engine._token_ids(text, True)))
    )


def small(mode, **changes):
    return make_request(mode, **{"sampling": SAMPLING, **changes})


def assert_same(got, expected):
    scale = np.abs(expected.rows).max()
    np.testing.assert_allclose(got.rows, expected.rows, rtol=0, atol=1e-5 * scale)


def test_other_prompts_are_replayed_and_answered_exactly(recorded, plain):
    first = small("policy")
    recorded.warm_up([first])
    made, done = recorded._graphs.recordings, recorded._graphs.calls - recorded._graphs.replays
    assert made > 0
    own = len(recorded._token_ids(first.prompt, True))
    for seed, tokens in enumerate((60, 128, 129, own, own + 3, WARM_TEXT_TOKENS)):
        request = with_tokens(recorded, replace(first, seed=seed), tokens)
        assert_same(recorded.run([request])[0], plain.run([request])[0])
    assert recorded._graphs.recordings == made
    assert recorded._graphs.calls - recorded._graphs.replays == done  # nothing was launched one by one


@pytest.mark.parametrize("mode", ["policy", "inverse_dynamics", "forward_dynamics"])
@pytest.mark.parametrize("guidance_steps", [None, 1])
def test_every_mode_is_replayed(recorded, plain, mode, guidance_steps):
    sampling = replace(SAMPLING, num_inference_steps=3, guidance_steps=guidance_steps)
    request = small(mode, sampling=sampling, video=mode == "forward_dynamics")
    for _ in range(2):
        recorded.run([request])
    made = recorded._graphs.recordings
    other = replace(request, prompt=request.prompt.replace("towel", "shirt that lies there"), seed=5)
    got, expected = recorded.run([other])[0], plain.run([other])[0]
    assert_same(got, expected)
    if got.video is not None:
        assert np.abs(got.video.astype(int) - expected.video).max() <= 1
    assert recorded._graphs.recordings == made


def test_other_guidance_and_other_steps_are_replayed(recorded, plain):
    first = small("policy")
    for _ in range(2):
        recorded.run([first])
    made = recorded._graphs.recordings
    for changes in ({"guidance_scale": 1.5}, {"guidance_scale": 7.0}, {"num_inference_steps": 4}, {"flow_shift": 3.0}):
        request = replace(first, sampling=replace(SAMPLING, **changes))
        assert_same(recorded.run([request])[0], plain.run([request])[0])
    assert recorded._graphs.recordings == made


def test_a_batch_is_replayed_with_other_prompts(recorded, plain):
    state_row = {"rows": np.ones((5, 8), np.float32), "clean_rows": np.arange(5) < 1, "row_offset": 0}
    batch = [
        small("policy", seed=1),
        small("inverse_dynamics", seed=2, prompt="something else"),
        small("forward_dynamics", seed=3, sampling=replace(SAMPLING, guidance_scale=1.0)),
        small("policy", seed=4, **state_row),
    ]
    for _ in range(2):
        recorded.run(batch)
    made = recorded._graphs.recordings
    others = [replace(request, prompt=f"{request.prompt} now", seed=7) for request in batch]
    for request, got in zip(others, recorded.run(others), strict=True):
        assert_same(got, plain.run([request])[0])
    assert recorded._graphs.recordings == made


def test_a_prompt_beyond_the_warm_ones_is_recorded_when_it_comes_again(recorded, plain):
    request = with_tokens(recorded, small("policy"), WARM_TEXT_TOKENS + 1)
    recorded.warm_up([small("policy")])
    made = recorded._graphs.recordings
    answers = [recorded.run([request])[0] for _ in range(3)]
    assert recorded._graphs.recordings > made
    for got in answers:
        assert_same(got, plain.run([request])[0])


def test_large_steps_are_not_padded(parts, monkeypatch, plain):
    from cosmos_policy.engine.paths import Paths

    record_on_cpu(monkeypatch)
    engine = NativeEngine(parts, CPU, torch.float32, paths=Paths(recorded_tokens=10))
    engine.warm_up([small("policy")])
    assert engine._graphs.calls == 0 and engine.texts.misses == 2  # no other prompt was read
    assert_same(engine.run([small("policy")])[0], plain.run([small("policy")])[0])


@pytest.mark.parametrize(("tokens", "room"), [(0, 1), (1, 1), (ROOM_STEP, 1), (ROOM_STEP + 1, 2), (512, 4)])
def test_rooms(tokens, room):
    assert text_room(tokens) == room * ROOM_STEP


def test_a_models_first_call_with_a_new_instruction_records_nothing(single_thread, monkeypatch, observation):
    record_on_cpu(monkeypatch)
    with cosmos_policy.load("tiny", device="cpu") as model:
        options = {"sampling": SAMPLING, "chunk_size": 4}
        model.warm_up("droid", calls=("policy",), **options)
        graphs = model._engine._graphs
        made, plainly = graphs.recordings, graphs.calls - graphs.replays
        for instruction in ("go", "put the red cube that is next to the banana into the blue bowl behind it"):
            model.policy(observation, instruction, embodiment="droid", **options)
        assert (graphs.recordings, graphs.calls - graphs.replays) == (made, plainly)


def test_many_prompts_keep_nothing_but_their_memories(recorded):
    """Plans, tables, graphs and places are bounded by shapes; texts by their cache."""

    def count(calls):
        for number in range(calls):
            recorded.run([small("policy", seed=number, prompt=f"{first.prompt} {number % 12}")])
        gc.collect()
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    first = small("policy")
    before = count(24)
    assert count(36) <= before
