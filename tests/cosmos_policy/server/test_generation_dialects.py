"""Pictures and videos over OpenAI's surface: a real server with tiny, and the real ``openai`` client."""

import base64
import io
import json
import shutil
import subprocess
import time
import warnings
from types import SimpleNamespace

import av
import httpx
import numpy as np
import openai
import pytest
from PIL import Image
from server_helpers import connected, sighting

from cosmos_policy.media import encode_media, settings_of
from cosmos_policy.server.dialects import form_fields
from cosmos_policy.server.errors import Refusal
from cosmos_policy.server.media.clips import decode_clip, encode_mp4
from cosmos_policy.server.media.images import encode_png
from cosmos_policy.server.settings import Limits
from cosmos_policy.types import Sampling, Transfer

QUICK = Sampling(num_inference_steps=2)
FRAMES = np.random.default_rng(5).integers(0, 256, (9, 60, 100, 3), dtype=np.uint8)


@pytest.fixture
def client(tiny_server):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # OpenAI retires its own video service, not the form of it
        yield openai.OpenAI(base_url=f"{tiny_server.http}/v1", api_key="none", timeout=60, max_retries=0)


def assert_same_video(data, media):
    """As :func:`assert_same_frames`, through the same encoder; and the file tells the same settings."""
    with av.open(io.BytesIO(data)) as container:
        told = json.loads(container.metadata["comment"])
    assert {name: told[name] for name in media.info} == settings_of(media)
    assert_same_frames(*(decode_clip(each, "x", Limits()) for each in (data, encode_media(media, "MP4"))))


def assert_same_frames(got, expected):
    """Two processes may round a level apart, which a codec spreads; another seed or picture is 20 levels away."""
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected).mean() < 2


def finished(client, job):
    until = time.monotonic() + 60
    while job.status not in ("completed", "failed") and time.monotonic() < until:
        time.sleep(0.05)
        job = client.videos.retrieve(job.id)
    assert job.status == "completed", job.error
    return job


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_pictures(client, tiny, kind):
    answer = client.images.generate(
        prompt="a robot", size="256x256", n=2, output_format=kind,
        extra_body={"seed": 3, "num_inference_steps": 2, "negative_prompt": "blur",
                    "extra_args": {"guardrails": False}},
    )  # fmt: skip
    assert len(answer.data) == 2
    for index, item in enumerate(answer.data):
        with Image.open(io.BytesIO(base64.b64decode(item.b64_json))) as picture:
            assert picture.format == kind.upper()
            assert json.loads(picture.info.get("cosmos_policy") or picture.info["comment"])["seed"] == 3 + index
            pixels = np.asarray(picture)
        media = tiny.generate(
            "a robot", negative_prompt="blur", num_frames=1, size=(256, 256), seed=3 + index, sampling=QUICK
        )
        with Image.open(io.BytesIO(encode_media(media, kind.upper()))) as expected:
            assert_same_frames(pixels, np.asarray(expected))


def test_text_to_video_as_a_job_that_tells_its_progress(client, tiny, tiny_server):
    job = client.videos.create(
        prompt="a robot",
        extra_body={"size": "320x192", "num_frames": 9, "fps": 16, "seed": 4, "num_inference_steps": 2,
                    "generate_sound": True, "extra_params": json.dumps({"use_duration_template": False})},
    )  # fmt: skip
    job = finished(client, job)
    assert (job.progress, job.size, job.seconds) == (100, "320x192", "0.562")
    content = client.videos.download_content(job.id).read()
    media = tiny.generate(
        "a robot", num_frames=9, fps=16, size=(320, 192), seed=4, sound=True, duration_template=False, sampling=QUICK
    )
    assert_same_video(content, media)
    with av.open(io.BytesIO(content)) as container:
        audio = container.streams.audio[0]
        assert (audio.rate, audio.layout.name) == (48_000, "stereo")
        assert float(audio.duration * audio.time_base) == pytest.approx(9 / 16, abs=1e-3)
        assert json.loads(container.metadata["comment"])["mode"] == "text-to-video"


def test_image_to_video_in_a_multipart_form(tiny_server, tiny, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    (tmp_path / "first.png").write_bytes(encode_png(FRAMES[0]))
    command = ["curl", "-sS", "--noproxy", "*", "-m", "60", "-F", "prompt=go", "-F", "num_frames=5", "-F", "seed=2",
               "-F", "num_inference_steps=2", "-F", f"input_reference=@{tmp_path}/first.png",
               f"{tiny_server.http}/v1/videos/sync"]  # fmt: skip
    data = subprocess.run(command, capture_output=True, check=True).stdout
    assert_same_video(data, tiny.generate("go", num_frames=5, seed=2, image=FRAMES[0], sampling=QUICK))


def test_video_to_video_and_transfer(client, tiny):
    clip = encode_mp4(FRAMES, 24)
    seen = decode_clip(clip, "x", Limits())
    job = client.videos.create(
        prompt="go", input_reference=("clip.mp4", clip, "video/mp4"), seconds="0.375",
        extra_body={"num_inference_steps": 2, "extra_params": json.dumps(
            {"condition_frame_indexes_vision": [0], "condition_video_keep": "last"})},
    )  # fmt: skip
    content = client.videos.download_content(finished(client, job).id).read()
    media = tiny.generate("go", num_frames=9, video=seen, condition_frames=(0,), condition_from="last", sampling=QUICK)
    assert_same_video(content, media)
    url = "data:video/mp4;base64," + base64.b64encode(clip).decode()
    job = client.videos.create(
        prompt="go",
        extra_body={"num_inference_steps": 2, "extra_params": json.dumps(
            {"controls": {"blur": url}, "control_guidance": 2.0, "num_video_frames_per_chunk": 5})},
    )  # fmt: skip
    content = client.videos.download_content(finished(client, job).id).read()
    media = tiny.generate("go", transfer=Transfer({"blur": seen}, guidance=2.0, chunk_frames=5), sampling=QUICK)
    assert_same_video(content, media)


def test_a_deleted_job_stops_the_model(client):
    """1,000 steps would take minutes; the next request is answered at once because they stop."""
    job = client.videos.create(prompt="long", extra_body={"num_frames": 5, "num_inference_steps": 1000})
    until = time.monotonic() + 60
    while client.videos.retrieve(job.id).progress == 0 and time.monotonic() < until:
        time.sleep(0.05)
    assert 0 < client.videos.retrieve(job.id).progress < 99
    assert client.videos.delete(job.id).deleted
    answer = client.images.generate(prompt="x", extra_body={"num_inference_steps": 1})
    assert len(answer.data) == 1


REFUSED_VIDEOS = {
    "a size": ({"size": "800x480"}, 400, "nearest: 832x480"),
    "a rate": ({"fps": "25"}, 400, "nearest: 24"),
    "a length": ({"num_frames": "301"}, 400, "nearest: 300"),
    "one frame": ({"num_frames": "1"}, 400, "/v1/images/generations"),
    "two lengths": ({"num_frames": "9", "seconds": "2"}, 400, "expected one of them"),
    "no prompt": ({"prompt": " "}, 400, "prompt is empty"),
    "guardrails": ({"extra_params": '{"guardrails": true}', "num_frames": "5"}, 502, "cannot be had"),
    "an action's field": ({"extra_params": '{"domain_name": "av"}'}, 400, "no field 'domain_name'"),
    "a control": ({"extra_params": '{"controls": {"smell": "data:,"}}'}, 400, "controls.smell"),
    "a file": ({"extra_params": '{"controls": {"edge": "file:///etc/passwd"}}'}, 403, "reads none"),
    "a long prompt": ({"max_sequence_length": "3", "num_frames": "5"}, 400, "at most 3 were allowed"),
    "a distant frame": ({"extra_params": '{"condition_frame_indexes_vision": [-1]}'}, 400, "from 0 to"),
}


@pytest.mark.parametrize("name", REFUSED_VIDEOS)
def test_a_video_that_cannot_be_made_is_told_why(tiny_server, name):
    changes, status, sentence = REFUSED_VIDEOS[name]
    form = {"prompt": "go", **changes}
    answer = httpx.post(f"{tiny_server.http}/v1/videos/sync", data=form, timeout=60, trust_env=False)
    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("state", "asked", "outcome"),
    [
        ("usual", True, True),
        ("usual", False, False),
        ("usual", None, None),
        ("on_request", "true", True),
        ("always", False, (403, "cannot be switched off")),
        ("never", True, (501, "was started without them")),
        ("missing", True, (501, "no cosmos-guardrail installed")),
        ("never", False, False),
    ],
)
def test_a_request_chooses_its_guardrails_where_the_operator_lets_it(state, asked, outcome):
    service = SimpleNamespace(facts={"guardrails": state})
    if not isinstance(outcome, tuple):
        assert form_fields.guardrails({"guardrails": asked}, service) is outcome
        return
    with pytest.raises(Refusal, match=outcome[1]) as refused:
        form_fields.guardrails({"guardrails": asked}, service)
    assert refused.value.status == outcome[0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": "1024x1024"}, "nearest: 960x960"),
        ({"n": 11}, "from 1 to 10"),
        ({"response_format": "url"}, "b64_json"),
        ({"output_format": "webp"}, "png, jpeg"),
        ({"quality": "hd"}, "no field 'quality'"),
        ({"extra_args": {"colour": 1}}, "no field 'colour'"),
        ({"prompt": ""}, "prompt is empty"),
        ({"seed": -1}, "from 0 to"),
    ],
)
def test_a_picture_that_cannot_be_made_is_told_why(tiny_server, changes, sentence):
    body = {"prompt": "go", **changes}
    answer = httpx.post(f"{tiny_server.http}/v1/images/generations", json=body, timeout=60, trust_env=False)
    assert answer.status_code == 400, answer.text
    assert sentence in answer.json()["error"]["message"]


def test_a_robot_does_not_wait_for_the_end_of_a_generation(tiny_server, client, tiny):
    """It is served between two steps, again and again; the video is the one that it is alone."""
    request = {"num_inference_steps": 60, "num_frames": 17, "seed": 3}
    job = client.videos.create(prompt="a long one", size="320x192", extra_body=request)
    started = time.monotonic()
    while client.videos.retrieve(job.id).progress == 0 and time.monotonic() - started < 60:
        time.sleep(0.02)
    with connected(tiny_server) as robot:
        for seed in range(5):
            chunk = robot.policy(sighting(), "lift", embodiment="droid_joint", seed=seed, sampling=Sampling(1))
            assert chunk.info["serving"]["batch_size"] == 1
            assert client.videos.retrieve(job.id).status == "in_progress", "the robot waited for the generation's end"
    media = tiny.generate("a long one", num_frames=17, size=(320, 192), seed=3, sampling=Sampling(60))
    assert_same_video(client.videos.download_content(finished(client, job).id).read(), media)
