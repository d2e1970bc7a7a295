"""Short prompts become structured captions: what the writer is told, and what is made of its answers."""

import base64
import io
import json

import numpy as np
import pytest
from fake_endpoint import fake_endpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from cosmos_policy.cli.main import app
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.generator.upsampling import EndpointWriter, ReasonerWriter, upsample
from cosmos_policy.generator.upsampling.caption import ImageCaption, VideoCaption, outline
from cosmos_policy.generator.upsampling.upsample import find_object, read_caption
from cosmos_policy.media import read_settings
from cosmos_policy.types import GenerateRequest, Reply, Sampling, Transfer

PICTURE = {
    "subjects": [{"description": "a steel robot arm", "pose": "bent", "clothing": None}],
    "background_setting": "A bright kitchen.",
    "lighting": {"conditions": "daylight"},
    "aesthetics": {"composition": "centred"},
    "cinematography": {"framing": "medium shot"},
    "style_medium": "photograph",
    "comprehensive_t2i_caption": "A steel robot arm pours tea in a bright kitchen.",
}
FILM = {
    **{name: value for name, value in PICTURE.items() if name != "comprehensive_t2i_caption"},
    "cinematography": {"framing": "medium shot", "camera_motion": "static"},
    "actions": [{"time": "0:00-0:02", "description": "It pours."}],
    "segments": [{"segment_index": 0, "time_range": "0:00-0:02", "description": "Tea flows."}],
    "temporal_caption": "The arm tilts the pot, and tea flows.",
    "audio_description": "splashing",
}
SHORT = GenerateRequest("a robot pours tea", num_frames=48, fps=24, aspect_ratio="4:3", seed=9)


class Scripted:
    """A writer that says what it was given, and remembers what it heard."""

    def __init__(self, *answers):
        self.answers, self.heard = list(answers), []

    def write(self, turns):
        self.heard.append(list(turns))
        return self.answers.pop(0)


def test_a_caption_takes_the_prompts_place_and_tells_size_and_length_itself():
    writer = Scripted("Here you are:\n```json\n" + json.dumps(FILM) + "\n```")
    request = upsample(SHORT, writer, 256)
    prompt = json.loads(request.prompt)
    assert prompt["temporal_caption"] == FILM["temporal_caption"]
    assert prompt["subjects"][0]["clothing"] == ""
    assert (prompt["duration"], prompt["fps"], prompt["aspect_ratio"]) == ("2s", 24.0, "4,3")
    assert prompt["resolution"] == {"H": 256, "W": 320}
    assert (request.size, request.seed, request.num_frames) == ((320, 256), 9, 48)
    assert not request.resolution_template and not request.duration_template
    system, user = writer.heard[0]
    assert (system.role, user.role) == ("system", "user")
    assert "2.0 seconds" in system.text and "0:00 to 0:02" in system.text
    assert all(f'"{name}"' in system.text for name in VideoCaption.model_fields)
    assert user.text == "The wish: a robot pours tea"


def test_a_picture_has_no_times():
    writer = Scripted(json.dumps(PICTURE))
    prompt = json.loads(upsample(GenerateRequest("a robot", num_frames=1), writer, 480).prompt)
    assert "duration" not in prompt and "fps" not in prompt and prompt["resolution"] == {"H": 480, "W": 832}
    assert "seconds" not in writer.heard[0][0].text


def test_an_answer_that_does_not_fit_is_asked_for_once_more():
    lacking = {**FILM, "subjects": []}
    writer = Scripted(json.dumps(lacking), json.dumps(FILM))
    assert json.loads(upsample(SHORT, writer, 256).prompt)["subjects"]
    assert [turn.role for turn in writer.heard[1]] == ["system", "user", "assistant", "user"]
    assert "subjects" in writer.heard[1][-1].text
    wrong = json.dumps({name: value for name, value in FILM.items() if name != "temporal_caption"})
    with pytest.raises(Failure, match=r"temporal_caption: Field required, twice"):
        upsample(SHORT, Scripted(wrong, wrong), 256)
    with pytest.raises(Failure, match="holds no JSON object, twice"):
        upsample(SHORT, Scripted("no", "[1, 2]"), 256)


@pytest.mark.parametrize(
    "changes",
    [
        {"video": np.zeros((9, 8, 8, 3), np.uint8)},
        {"transfer": Transfer({"edge": np.zeros((9, 8, 8, 3), np.uint8)})},
        {"prompt": ""},
        {"fps": 25},
        {"num_frames": 2},
    ],
)
def test_what_cannot_be_upsampled_asks_nobody(changes):
    writer = Scripted()
    with pytest.raises(UsageError):
        upsample(GenerateRequest(**{"prompt": "x", **changes}), writer, 256)
    assert not writer.heard


@given(before=st.text(), after=st.text(), content=st.dictionaries(st.text(), st.integers() | st.text(), max_size=4))
@settings(max_examples=150, deadline=None)
def test_json_is_found_among_words(before, after, content):
    """Whatever stands around it, unless braces before it make an object of their own."""
    found = find_object(before.replace("{", "(") + json.dumps(content) + after)
    assert found == content


@given(text=st.text(alphabet=st.sampled_from('{}[]":,ab01\\ \n'), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_upsets_the_parsers(text):
    found = find_object(text)
    assert found is None or isinstance(found, dict)
    for kind in (ImageCaption, VideoCaption):
        caption, reason = read_caption(text, kind)
        assert caption is None and reason


def test_every_field_of_a_caption_is_explained():
    for kind in (ImageCaption, VideoCaption):
        for line in outline(kind).splitlines():
            assert ": " in line or line.endswith("(object)"), line


def test_an_endpoint_is_asked_with_the_documented_settings():
    image = np.full((6, 8, 3), 200, np.uint8)
    with fake_endpoint([json.dumps(FILM)]) as (url, asked):
        upsample(GenerateRequest("go", num_frames=48, image=image), EndpointWriter(url, "qwen", "secret"), 256)
    path, key, body = asked[0]
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer secret", "qwen")
    expected = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.0, "presence_penalty": 1.5}
    assert {name: body[name] for name in expected} == expected
    assert (body["seed"], body["max_tokens"]) == (3407, 20_000)
    picture, text = body["messages"][1]["content"]
    assert text == {"type": "text", "text": "The wish: go"}
    data = base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image)


def test_an_endpoint_that_knows_fewer_settings_is_asked_without_them(caplog):
    with fake_endpoint([json.dumps(FILM)], refuses=("top_k",)) as (url, asked):
        upsample(SHORT, EndpointWriter(url, "m"), 256)
    assert "top_k" in asked[0][2] and not {"top_k", "repetition_penalty"} & asked[1][2].keys()
    assert "knows no top_k" in caplog.text
    assert asked[0][1] is None


def test_an_endpoint_that_fails_is_told_so():
    with fake_endpoint([]) as (url, _), pytest.raises(Failure, match="answered 500"):
        EndpointWriter(url, "m").write([])
    with pytest.raises(Failure, match="cannot be reached"):
        EndpointWriter(url, "m", timeout_s=2.0).write([])  # nobody listens there any more
    with pytest.raises(UsageError, match="no endpoint"):
        EndpointWriter("gpu-box:8000", "m")


def test_the_reasoner_is_asked_with_the_documented_settings():
    class Model:
        def reason(self, messages, **options):
            self.heard = messages, options
            return Reply(json.dumps(FILM), None, "stop", 1, 1)

    model, image = Model(), np.zeros((6, 8, 3), np.uint8)
    upsample(GenerateRequest("go", num_frames=48, image=image), ReasonerWriter(model), 256)
    messages, options = model.heard
    assert (options["seed"], options["max_tokens"], options["sampling"].presence_penalty) == (3407, 20_000, 1.5)
    assert [part["type"] for part in messages[1]["content"]] == ["image", "text"]
    assert messages[1]["content"][0]["image"] is image


def test_the_real_reasoner_is_asked_and_its_gibberish_refused(tiny):
    """tiny's words are random: the road is real, and no caption comes of it."""
    with pytest.raises(Failure, match="could not be upsampled"):
        upsample(GenerateRequest("a robot", num_frames=1, sampling=Sampling()), ReasonerWriter(tiny), 256)


def test_the_command_line_asks_an_endpoint(tmp_path, monkeypatch, single_thread):
    monkeypatch.setenv("PROMPT_UPSAMPLER_API_TOKEN", "key")
    with fake_endpoint([json.dumps(PICTURE)]) as (url, asked):
        words = ["generate", "tea", "--output", str(tmp_path / "a.png"), "--device", "cpu"]
        words += ["--num-inference-steps", "1", "--upsample", url, "--upsample-model", "big"]
        result = CliRunner().invoke(app, words, standalone_mode=False)
    assert result.exception is None, result.exception
    assert (asked[0][1], asked[0][2]["model"]) == ("Bearer key", "big")
    prompt = json.loads(read_settings(tmp_path / "a.png")["prompt"])
    assert prompt["comprehensive_t2i_caption"] == PICTURE["comprehensive_t2i_caption"]
