"""Chat completions: a real server with tiny, and the real ``openai`` client. What it says is what the model says."""

import base64
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import cosmos_policy
import embodiments
from cosmos_policy import Observation, Sampling
from cosmos_policy.errors import UsageError
from cosmos_policy.media import write_video
from cosmos_policy.server.dialects.chat_form import FIELDS, read_chat
from cosmos_policy.server.errors import Refusal
from cosmos_policy.server.settings import Limits, ModelSource, Security, ServerSettings
from cosmos_policy.types import ReasonRequest, ReasonSampling

PICTURE = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
HELLO = [{"role": "user", "content": "put the banana in the bowl"}]


def url_of(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.fixture(scope="module")
def picture_url():
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, format="PNG")
    return url_of(buffer.getvalue(), "image/png")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("chat") / "film.mp4"
    frames = np.repeat(np.arange(24, dtype=np.uint8)[:, None, None, None] * 10, 64, axis=1)
    write_video(path, np.broadcast_to(frames, (24, 64, 64, 3)).copy(), 12.0)
    return path


@pytest.fixture
def client(tiny_server):
    return openai.OpenAI(base_url=f"{tiny_server.http}/v1", api_key="none", timeout=60, max_retries=0)


def settings_with(folder=None, **limits) -> ServerSettings:
    return ServerSettings(
        ModelSource("none:none"), "droid", limits=Limits(**limits), security=Security(media_folder=folder)
    )


def test_an_answer_is_the_models(client, tiny):
    answer = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=12, seed=4)
    reply = tiny.reason(HELLO, max_tokens=12, seed=4)
    (choice,) = answer.choices
    assert choice.message.content == reply.text and choice.message.role == "assistant"
    assert choice.finish_reason == "length" and choice.message.reasoning_content is None
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (reply.prompt_tokens, 12)
    assert usage.total_tokens == usage.prompt_tokens + 12
    assert answer.model == "tiny" and answer.id.startswith("chatcmpl-") and answer.object == "chat.completion"


def test_sampling_is_heeded(client, tiny):
    own = {"temperature": 0.9, "top_p": 0.5, "presence_penalty": 0.5, "frequency_penalty": 0.25}
    answer = client.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=20, seed=4, **own,
        extra_body={"top_k": -1, "repetition_penalty": 1.1},
    )  # fmt: skip
    sampling = ReasonSampling(**own, top_k=0, repetition_penalty=1.1)
    assert answer.choices[0].message.content == tiny.reason(HELLO, max_tokens=20, seed=4, sampling=sampling).text
    assert answer.choices[0].message.content != tiny.reason(HELLO, max_tokens=20, seed=4).text


def test_pictures_and_videos_are_looked_at(client, tiny, picture_url, film):
    clip_url = url_of(film.read_bytes(), "video/mp4")
    content = [
        {"type": "image_url", "image_url": {"url": picture_url}},
        {"type": "video_url", "video_url": {"url": clip_url}},
        {"type": "text", "text": "What is red?"},
    ]
    answer = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": content}], max_tokens=10, seed=1,
        extra_body={"mm_processor_kwargs": {"fps": 4, "do_sample_frames": True}},
    )  # fmt: skip
    shown = [{"type": "image", "image": PICTURE}, {"type": "video", "video": film}, content[2]]
    reply = tiny.reason([{"role": "user", "content": shown}], max_tokens=10, seed=1, video_fps=4.0)
    assert answer.choices[0].message.content == reply.text
    assert answer.usage.prompt_tokens == reply.prompt_tokens
    whole = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": content}], max_tokens=1,
        extra_body={"mm_processor_kwargs": {"do_sample_frames": False}},
    )  # fmt: skip
    assert whole.usage.prompt_tokens > reply.prompt_tokens


def test_a_stream_says_the_same_by_and_by(client, tiny):
    stream = client.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=30, seed=2, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == tiny.reason(HELLO, max_tokens=30, seed=2).text and sum(map(bool, said)) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"
    assert chunks[-1].usage.completion_tokens == 30 and not chunks[-1].choices
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stop_string_ends_it(client, tiny):
    whole = tiny.reason(HELLO, max_tokens=40, seed=2).text
    answer = client.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=40, seed=2, stop=[whole[8:11], "never"]
    )
    (choice,) = answer.choices
    assert choice.message.content == whole[: whole.index(whole[8:11])]
    assert (choice.finish_reason, choice.stop_reason) == ("stop", whole[8:11])


def test_thoughts_have_their_own_field(scripted):
    """A model that thinks (tiny's words cannot): whole and streamed."""
    client = openai.OpenAI(base_url=f"{scripted.http}/v1", api_key="none", timeout=30, max_retries=0)
    asked = {"model": "scripted", "messages": HELLO, "extra_body": {"reasoning": True}}
    message = client.chat.completions.create(**asked).choices[0].message
    assert (message.reasoning_content, message.content) == ("They said 6 words.", "put the banana in the bowl ")
    deltas = [chunk.choices[0].delta for chunk in client.chat.completions.create(stream=True, **asked)]
    thoughts = [getattr(delta, "reasoning_content", None) or "" for delta in deltas]
    words = [delta.content or "" for delta in deltas]
    assert "".join(thoughts) == message.reasoning_content and "".join(words) == message.content
    assert thoughts.index("They said 6 words.") < words.index("put ")


def test_a_client_that_leaves_stops_the_model(tiny_server, client):
    """Thirty thousand tokens would take minutes: the next request would not be answered in time."""
    body = {"model": "tiny", "messages": HELLO, "max_tokens": 30000, "stream": True}
    with httpx.stream("POST", f"{tiny_server.http}/v1/chat/completions", json=body, timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert next(response.iter_lines()).startswith("data: ")
    started = time.monotonic()
    client.with_options(timeout=30).chat.completions.create(model="tiny", messages=HELLO, max_tokens=2)
    assert time.monotonic() - started < 30


def test_a_robot_that_is_served_between_two_tokens_changes_neither_answer(tiny_server, client, tiny):
    robot = embodiments.get("droid_joint").example_observation(seed=0)
    seen = Observation(robot["images"], robot["state"])
    quick = Sampling(num_inference_steps=1, guidance_scale=1.0, resolution_tier=256)
    with cosmos_policy.connect(tiny_server.socket) as model:
        stream = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=150, seed=6, stream=True)
        next(stream)
        chunk = model.policy(seen, "lift the cube", embodiment="droid_joint", seed=1, sampling=quick)
        said = "".join(each.choices[0].delta.content or "" for each in stream)
    assert said == tiny.reason(HELLO, max_tokens=150, seed=6).text
    alone = tiny.policy(seen, "lift the cube", embodiment="droid_joint", seed=1, sampling=quick)
    assert np.allclose(chunk.model, alone.model, atol=1e-4)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"n": 2}, "n must be 1"),
        ({"tools": []}, "A chat completion has no field 'tools'; expected messages"),
        ({"messages": []}, "messages must be a list of 1 to"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "expected the user's"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "has the type 'input_audio'"),
        ({"temperature": -1}, "temperature is -1; expected a number 0 to 100"),
        ({"max_tokens": 0}, "max_tokens must be a whole number from 1"),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "differ; give one of them"),
        ({"max_tokens": 1_000_000}, "the network reads at most 32768"),
        ({"stop": [""]}, "none of them empty"),
        ({"response_format": {"type": "json_object"}}, "response_format must be"),
        ({"reasoning": True, "reasoning_effort": "none"}, "contradict each other"),
        ({"mm_processor_kwargs": {"fps": 2, "do_sample_frames": False}}, "either some frames are taken, or all"),
        ({"mm_processor_kwargs": {"size": 3}}, "mm_processor_kwargs has no field 'size'"),
        ({"media_io_kwargs": {"video": {"fps": -1}}}, "above 0"),
        ({"stream": "perhaps"}, "stream must be true or false"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(tiny_server, body, sentence):
    for stream in ({}, {"stream": True}):
        response = httpx.post(
            f"{tiny_server.http}/v1/chat/completions", json={"messages": HELLO, **stream, **body}, timeout=30
        )
        assert response.status_code == 400 and sentence in response.json()["error"]["message"], response.text


@pytest.mark.parametrize(
    ("url", "status", "sentence"),
    [
        ("file:///etc/hostname", 403, "this server reads none"),
        ("http://127.0.0.1:1/x.png", 403, "private address"),
        ("/etc/hostname", 400, "must be a data:, http:, https: or file: URL"),
        ("data:image/png;base64,AAAA", 400, "cannot be read as a picture"),
    ],
)
def test_what_messages_point_to_is_guarded(tiny_server, url, status, sentence):
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "?"}]
    response = httpx.post(
        f"{tiny_server.http}/v1/chat/completions", json={"messages": [{"role": "user", "content": content}]}, timeout=30
    )
    assert response.status_code == status and sentence in response.json()["error"]["message"]


def test_files_of_the_allowed_folder_are_read(film):
    content = [{"type": "video_url", "video_url": {"url": film.as_uri()}}, {"type": "text", "text": "?"}]
    message = {"messages": [{"role": "user", "content": content}], "media_io_kwargs": {"video": {"fps": 3}}}
    part = read_chat(message, settings_with(film.parent)).request.messages[0]["content"][0]
    assert part["video"].shape == (6, 64, 64, 3) and part["times_s"][0] == 0.0
    with pytest.raises(Refusal, match="not a readable file"):
        read_chat(message, settings_with(film.parent / "elsewhere"))
    with pytest.raises(UsageError, match="at most 100 pixels"):
        read_chat(message, settings_with(film.parent, image_pixels=100))


@pytest.mark.parametrize(
    ("asked", "reasoning"),
    [
        ({}, False),
        ({"reasoning": True}, True),
        ({"reasoning_effort": "low"}, True),
        ({"reasoning_effort": "none"}, False),
        ({"chat_template_kwargs": {"enable_thinking": True}}, True),
        ({"reasoning": True, "reasoning_effort": "high"}, True),
    ],
)
def test_every_way_to_ask_for_thoughts(asked, reasoning):
    assert read_chat({"messages": HELLO, **asked}, settings_with()).request.reasoning is reasoning


KEYS = ("type", "text", "role", "content", "url", "image_url", "video_url", "fps")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_hostile_body_is_read_or_refused(body):
    body.setdefault("messages", HELLO)
    json.dumps(body)
    try:
        asked = read_chat(body, settings_with())
    except (Refusal, UsageError):
        return
    assert isinstance(asked.request, ReasonRequest)


def test_questions_that_wait_together_are_answered_together_and_each_as_if_alone(tiny_server, tiny):
    """One long answer keeps the model busy; what comes meanwhile is one batch, of which each leaves when it is done."""
    lengths = {5: 200, 6: 8, 7: 40}
    ended = []

    def ask(seed, http):
        body = {"messages": HELLO, "max_tokens": lengths[seed], "seed": seed}
        answer = http.post(f"{tiny_server.http}/v1/actions/reason", json=body, timeout=120).json()
        ended.append(seed)
        return answer

    with httpx.Client(trust_env=False) as http, ThreadPoolExecutor(4) as pool:
        body = {"messages": HELLO, "max_tokens": 300, "seed": 1}
        first = pool.submit(http.post, f"{tiny_server.http}/v1/actions/reason", json=body, timeout=120)
        time.sleep(0.3)
        answers = {seed: pool.submit(ask, seed, http) for seed in lengths}
        answers = {seed: answer.result() for seed, answer in answers.items()}
        assert first.result().json()["info"]["serving"]["batch_size"] == 1
    for seed, answer in answers.items():
        assert answer["info"]["serving"]["batch_size"] == 3
        assert answer["text"] == tiny.reason(HELLO, max_tokens=lengths[seed], seed=seed).text
    assert ended == [6, 7, 5]


def test_of_a_batch_each_fails_is_stopped_and_is_streamed_by_itself(tiny_server, tiny, client):
    with ThreadPoolExecutor(4) as pool:
        busy = pool.submit(client.chat.completions.create, model="tiny", messages=HELLO, max_tokens=300, seed=1)
        time.sleep(0.3)
        wrong = pool.submit(client.chat.completions.create, model="tiny", messages=HELLO, max_tokens=10**6, seed=2)
        leaving = pool.submit(leave_after_words, tiny_server)
        whole = pool.submit(
            lambda: list(client.chat.completions.create(
                model="tiny", messages=HELLO, max_tokens=60, seed=3, stream=True))
        )  # fmt: skip
        with pytest.raises(openai.BadRequestError, match="ask for fewer tokens"):
            wrong.result()
        said = "".join(chunk.choices[0].delta.content or "" for chunk in whole.result())
        assert said == tiny.reason(HELLO, max_tokens=60, seed=3).text
        leaving.result()
        busy.result()
    assert client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=4, seed=4).usage.completion_tokens


def leave_after_words(server):
    """Asks for more than is ever heard, and goes."""
    body = {"messages": HELLO, "max_tokens": 20_000, "seed": 8, "stream": True}
    with (
        httpx.Client(trust_env=False, timeout=60) as http,
        http.stream("POST", f"{server.http}/v1/chat/completions", json=body) as answer,
    ):
        for line in answer.iter_lines():
            if '"content": "' in line and '"content": ""' not in line:
                return
