"""cosmos-guardrail's own classes around generations with tiny, on small models of ours; and when they are used."""

import sys

import numpy as np
import pytest
from guardrail_models import make_hub

import cosmos_policy
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.generator import guardrails
from cosmos_policy.generator.guardrails import Blocked, Guardrails, is_guarded, load_guardrails, state_of
from cosmos_policy.types import GenerateRequest, Media, Sampling

pytest.importorskip("cosmos_guardrail", reason="cosmos-guardrail (the extra 'guardrails') is not installed")
QUICK = {"sampling": Sampling(num_inference_steps=1), "num_frames": 5, "size": (320, 192)}


@pytest.fixture(scope="module")
def hubs(single_thread, tmp_path_factory):
    """faces -> a hub cache whose RetinaFace sees them everywhere, or nowhere."""
    return {faces: make_hub(tmp_path_factory.mktemp("hub"), faces) for faces in (True, False)}


@pytest.fixture
def hub(hubs, monkeypatch):
    def use(faces):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hubs[faces]))
        monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(hubs[faces]))

    return use


@pytest.fixture
def guarded(hub, single_thread):
    hub(faces=True)
    with cosmos_policy.load("tiny", device="cpu", guardrails=True) as model:
        yield model


def test_faces_are_pixelated_and_words_are_let_through(guarded, tiny):
    asked = GenerateRequest("a robot pours tea", negative_prompt="a blur", **QUICK)
    media, plain = guarded.generate(asked), tiny.generate(asked)
    assert media.info["guardrails"] == {"checked": "words and frames", "frames_with_faces_pixelated": 5}
    assert media.frames.shape == plain.frames.shape and (media.frames != plain.frames).any(axis=(1, 2, 3)).all()
    assert "guardrails" not in plain.info


def test_frames_without_faces_stay_as_they_are(hub, single_thread):
    hub(faces=False)
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    checked = load_guardrails("cpu").check_media(Media(frames.copy(), 24.0, info={"seed": 3}))
    np.testing.assert_array_equal(checked.frames, frames)
    assert checked.info == {
        "seed": 3,
        "guardrails": {"checked": "words and frames", "frames_with_faces_pixelated": 0},
    }


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("a grumblefish swims", "prompt"),
        ("grumblefishes swim", "prompt"),  # found by its lemma
        ("a PURPLE  catastrophe", "prompt"),
        ("grumblefish", "negative_prompt"),
    ],
)
def test_blocked_words_are_refused_before_anything_is_made(guarded, monkeypatch, words, field):
    monkeypatch.setattr(guarded._engine, "run", None)  # nothing may be computed
    request = GenerateRequest(**{"prompt": "a robot", field: words}, **QUICK)
    with pytest.raises(Blocked, match=rf"The {field} is blocked by the guardrail Blocklist"):
        guarded.generate(request)


def test_a_request_may_switch_them_off_only_where_the_operator_left_it_open(guarded, single_thread):
    with pytest.raises(UsageError, match="cannot be switched off"):
        guarded.generate(GenerateRequest("a robot", guardrails=False, **QUICK))
    with cosmos_policy.load("tiny", device="cpu", guardrails=False) as model:
        assert "guardrails" not in model.generate(GenerateRequest("grumblefish", **QUICK)).info
        with pytest.raises(UsageError, match="was started without them"):
            model.generate(GenerateRequest("a robot", guardrails=True, **QUICK))


def test_calls_for_robots_load_none(guarded, observation):
    guarded.policy(observation, "a grumblefish", embodiment="droid", chunk_size=4, sampling=Sampling(1, 1.0, 5.0, 256))
    assert guarded._guardrails_made is None


def test_a_real_face_is_pixelated_and_nothing_else(single_thread):
    """scikit-image's frontal-face cascade, a small detector with real weights, in the library's own runner."""
    from cosmos_guardrail.cosmos_guardrail import CosmosSafetyChecker, GuardrailRunner
    from cosmos_guardrail.cosmos_utils import pixelate_face
    from skimage import data
    from skimage.feature import Cascade

    cascade = Cascade(data.lbp_frontal_face_cascade_filename())
    astronaut = data.astronaut()[:256, 128:384].copy()

    def faces(frame):
        return cascade.detect_multi_scale(frame, 1.2, 1, (60, 60), (123, 123))

    class CascadeFilter:
        def postprocess(self, frames):
            for frame in frames:
                for found in faces(frame):
                    rows = slice(found["r"], found["r"] + found["height"])
                    columns = slice(found["c"], found["c"] + found["width"])
                    frame[rows, columns] = pixelate_face(frame[rows, columns].copy())
            return frames

    (face,) = faces(astronaut)
    checker = CosmosSafetyChecker.__new__(CosmosSafetyChecker)
    object.__setattr__(checker, "video_guardrail", GuardrailRunner(postprocessors=[CascadeFilter()]))
    frames = np.stack([astronaut, np.zeros_like(astronaut)])
    checked = Guardrails(checker).check_media(Media(frames, 24.0))
    assert checked.info["guardrails"]["frames_with_faces_pixelated"] == 1
    changed = (checked.frames[0] != astronaut).any(axis=-1)
    inside = np.s_[face["r"] : face["r"] + face["height"], face["c"] : face["c"] + face["width"]]
    assert changed[inside].mean() > 0.9
    changed[inside] = False
    assert not changed.any()
    assert not faces(checked.frames[0])


def test_a_check_that_failed_lets_nothing_pass(hub, single_thread, monkeypatch):
    """cosmos-guardrail's own language model check calls a prompt safe when it breaks."""
    hub(faces=False)
    guard = load_guardrails("cpu")
    broken = guard._checker.text_guardrail.safety_models[1]
    monkeypatch.setattr(broken, "extract_label_and_categories", lambda prompt: 1 / 0)
    with pytest.raises(Failure, match="Qwen3Guard failed on the prompt"):
        guard.check_words(GenerateRequest("a robot"))


def test_models_that_cannot_be_had_are_told_in_one_sentence(tmp_path, monkeypatch, single_thread):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with cosmos_policy.load("tiny", device="cpu") as model, pytest.raises(Failure, match="--no-guardrails") as told:
        model.generate(GenerateRequest("a robot", guardrails=True, **QUICK))
    assert "nvidia/Cosmos-1.0-Guardrail" in str(told.value) and "\n" not in str(told.value)


def test_when_a_model_is_guarded(monkeypatch):
    assert [state_of(setting, True) for setting in (None, True, False)] == ["usual", "always", "never"]
    assert state_of(None, False) == "on_request"
    assert [is_guarded(state, None) for state in ("always", "usual", "on_request", "never", "missing")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert not is_guarded("usual", False) and is_guarded("on_request", True)
    monkeypatch.setitem(sys.modules, "cosmos_guardrail", None)
    monkeypatch.setattr(guardrails.importlib.util, "find_spec", lambda name: None)
    assert state_of(None, True) == "missing"
    with pytest.raises(UsageError, match=r"install cosmos-policy\[guardrails\]"):
        state_of(True, True)
    with pytest.raises(UsageError, match="no cosmos-guardrail installed"):
        is_guarded("missing", True)
