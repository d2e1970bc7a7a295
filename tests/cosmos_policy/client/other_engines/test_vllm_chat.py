"""vLLM's chat completions: what is sent, and answers in vLLM's own form (written after its documentation)."""

import math

import numpy as np
import pytest
from vllm_omni_stand_in import StandIn

import cosmos_policy
import embodiments
from cosmos_policy import Failure, Observation, ReasonSampling, UsageError
from cosmos_policy.client import ServerRefusal
from cosmos_policy.reasoner.thoughts import THINK_FIRST

QUESTION = [{"role": "user", "content": "Is the drawer open?"}]
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


@pytest.fixture
def server(tiny):
    with StandIn(tiny, "nvidia/Cosmos3-Nano") as running:
        yield running


@pytest.fixture
def model(server):
    with cosmos_policy.connect(f"vllm+{server.address}") as found:
        yield found


def whole(**message):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop", "stop_reason": None}
    return 200, {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": USAGE}


def part(finish=None, **delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_every_setting_is_said_aloud(model, server):
    server.replies.append(whole(content="Yes."))
    reply = model.reason(QUESTION, seed=7, max_tokens=50, stop=("\n",), sampling=ReasonSampling(temperature=0.0))
    assert (reply.text, reply.reasoning, reply.prompt_tokens, reply.completion_tokens) == ("Yes.", None, 9, 4)
    assert server.chats[0] == {
        "model": "nvidia/Cosmos3-Nano", "messages": QUESTION, "max_tokens": 50, "seed": 7, "stop": ["\n"],
        "temperature": 0.0, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.0, "presence_penalty": 1.5,
        "frequency_penalty": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("message", [
    {"content": "Yes.", "reasoning_content": "It is."},
    {"content": "Yes.", "reasoning": "It is."},
    {"content": "<think>\nIt is.\n</think>\n\nYes."},
])  # fmt: skip
def test_thoughts_are_found_wherever_the_server_puts_them(model, server, message):
    server.replies.append(whole(**message))
    reply = model.reason(QUESTION, reasoning=True)
    assert (reply.text, reply.reasoning) == ("Yes.", "It is.")
    assert server.chats[0]["messages"][-1]["content"].endswith(THINK_FIRST)


def test_a_stream_joins_to_the_reply(model, server):
    server.replies.append((200, [
        part(role="assistant", content=""), part(content="<thi"), part(content="nk>It is.</think>"), part(content=" Y"),
        part(content="es."), part("stop"), {"choices": [], "usage": USAGE},
    ]))  # fmt: skip
    *said, reply = model.stream_reason(QUESTION, reasoning=True)
    assert "".join(delta.text for delta in said) == reply.text == "Yes."
    assert "".join(delta.reasoning for delta in said) == reply.reasoning == "It is."
    assert reply.completion_tokens == 4 and server.chats[0]["stream_options"] == {"include_usage": True}


def test_a_stream_that_breaks_off_is_no_answer(model, server):
    server.replies.append((200, [part(content="Ye")]))
    with pytest.raises(Failure, match="ended its answer on the way"):
        list(model.stream_reason(QUESTION))
    server.replies.append((200, [part(content="Ye"), {"error": {"message": "engine died", "code": 500}}]))
    with pytest.raises(ServerRefusal, match="engine died"):
        list(model.stream_reason(QUESTION))


def test_pictures_and_videos_travel_inside(model, server, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), dtype=np.uint8)
    (tmp_path / "clip.mp4").write_bytes(b"not looked at here")
    parts = [
        {"type": "image", "image": frames[0]},
        {"type": "video", "video": frames, "times_s": [0.0, 0.5, 1.0, 1.5]},
        {"type": "video", "video": tmp_path / "clip.mp4"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "text", "text": "What changed?"},
    ]
    server.replies.append(whole(content="Little."))
    model.reason([{"role": "user", "content": parts}], video_fps=4)
    body = server.chats[0]
    urls = [part[part["type"]]["url"][:22] for part in body["messages"][0]["content"] if part["type"] != "text"]
    assert urls == [
        "data:image/png;base64,",
        "data:video/mp4;base64,",
        "data:video/mp4;base64,",
        "https://example.com/a.p"[:22],
    ]
    assert body["mm_processor_kwargs"] == {"fps": 4, "do_sample_frames": True}
    assert body["media_io_kwargs"] == {"video": {"num_frames": -1}}
    uneven = [{"type": "video", "video": frames, "times_s": [0.0, 0.5, 1.0, 9.0]}]
    with pytest.raises(UsageError, match="even rate"):
        model.reason([{"role": "user", "content": uneven}])


def test_choices_are_weighed_by_their_first_tokens(model, server):
    likely = {"Yes": 0.6, "yes": 0.2, "No": 0.15, "Y": 0.01}
    listed = [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in likely.items()]
    answer = whole(content="Yes")
    answer[1]["choices"][0]["logprobs"] = {"content": [{"token": "Yes", "logprob": -0.5, "top_logprobs": listed}]}
    server.replies.append(answer)
    reply = model.reason(QUESTION, choices=("Yes", "No"))
    assert reply.text == "Yes" and reply.choices == pytest.approx({"Yes": 0.8, "No": 0.2})
    assert reply.info["choices_share"] == pytest.approx(0.75) and reply.info["choices_not_listed"] == []
    assert server.chats[0]["max_tokens"] == 1 and server.chats[0]["top_logprobs"] == 20
    server.replies.append(whole(content="Yes"))
    with pytest.raises(Failure, match="told no likelihoods"):
        model.reason(QUESTION, choices=("Yes", "No"))


def test_refusals_are_told_as_ours_are(model, server):
    error = {"message": "max_tokens is too large", "type": "BadRequestError", "param": None, "code": 400}
    server.replies += [(400, {"error": error}), (400, {"object": "error", **error}), (503, {"detail": "loading"})]
    for _ in range(2):
        with pytest.raises(UsageError, match="max_tokens is too large"):
            model.reason(QUESTION)
    with pytest.raises(ServerRefusal, match="loading") as refused:
        model.reason(QUESTION)
    assert refused.value.code == "overloaded"


def test_vllm_moves_no_robot(model):
    found = embodiments.get("droid").example_observation()
    with pytest.raises(UsageError, match="answers in words only"):
        model.policy(Observation(found["images"], found["state"]), "go", embodiment="droid")
    with pytest.raises(UsageError, match="makes no pictures"):
        model.generate("a red cube")
