"""The nine tasks: answers in the documented forms are read exactly, everything else is refused with a reason."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.tasks import find_task, tasks
from cosmos_policy.reasoner.tasks.answers import TypedAnswer
from cosmos_policy.reasoner.tasks.grounding_2d import Grounding
from cosmos_policy.reasoner.tasks.reading import FULL_SCALE, read_json, read_time
from cosmos_policy.reasoner.tasks.run import run_task
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Unreadable
from cosmos_policy.types import ReasonRequest, Reply
from cosmos_policy.world_action_model import ModelInfo, WorldActionModel

IMAGE = Scene(width_px=640, height_px=480)
VIDEO = Scene(width_px=640, height_px=480, duration_s=30.0, step_s=0.25)


def parse(name: str, text: str, scene: Scene = IMAGE, **ask) -> TypedAnswer:
    return find_task(name).parse(text, Ask(**ask), scene)


class Scripted(WorldActionModel):
    """A model that says what it is given, in turn, and keeps what it was asked. For the wire of tasks alone."""

    def __init__(self, *answers: str):
        self.answers, self.asked = list(answers), []
        self.info = ModelInfo("scripted", "", "", "", "", None)

    def _run_reason(self, requests):
        self.asked += requests
        return [Reply(self.answers.pop(0), None, "stop", 1, 1) for _ in requests]

    def sampling_for(self, embodiment, sampling=None):
        raise NotImplementedError

    _run_policy = _run_inverse_dynamics = _run_forward_dynamics = sampling_for


def shown(picture) -> dict:
    return {"type": "image", "image": picture}


def test_there_are_nine():
    assert list(tasks()) == [
        "action-chain-of-thought",
        "caption",
        "common-sense",
        "describe-anything",
        "embodied-reasoning",
        "grounding-2d",
        "physical-plausibility",
        "situation-understanding",
        "temporal-localization",
    ]
    with pytest.raises(UsageError, match="no task 'dance'; expected one of action-chain-of-thought, caption"):
        find_task("dance")


def test_boxes_are_in_the_pictures_pixels():
    answer = parse("grounding-2d", '```json\n[\n {"bbox_2d": [214, 141, 497, 722], "label": "load as a whole"}\n]\n```')
    (box,) = answer.boxes
    assert box.label == "load as a whole" and box.time_s is None
    assert (box.x1_px, box.y1_px) == pytest.approx((0.214 * 640, 0.141 * 480))
    assert (box.x2_px, box.y2_px) == pytest.approx((0.497 * 640, 0.722 * 480))
    assert parse("grounding-2d", "There is none: []") == Grounding(boxes=())
    (point,) = parse("grounding-2d", '{"point_2d": [1000, 0], "label": "edge"}').points
    assert (point.x_px, point.y_px) == (640, 0)


def test_boxes_of_a_video_make_tracks():
    said = [
        {"time": time, "bbox_2d": [10 * place, 0, 10 * place + 50, 100], "label": label}
        for place, (time, label) in enumerate([(2.0, "cup"), ("00:01.50", "cup"), (1, "hand")])
    ]
    tracks = parse("grounding-2d", json.dumps(said), VIDEO).tracks
    assert [box.time_s for box in tracks["cup"]] == [1.5, 2.0] and len(tracks["hand"]) == 1
    with pytest.raises(Unreadable, match='needs its "time"'):
        parse("grounding-2d", '[{"bbox_2d": [0, 0, 1, 1]}]', VIDEO)


def test_events_in_seconds_and_on_the_clock():
    said = [{"start": 0.1, "end": 2.7, "caption": "a"}, {"start": "00:02.70", "end": "0:00:14.8", "caption": "b"}]
    text = f"```json\n{json.dumps(said)}\n```"
    events = parse("temporal-localization", text, VIDEO).events
    assert [(event.start_s, event.end_s, event.caption) for event in events] == [(0.1, 2.7, "a"), (2.7, 14.8, "b")]
    when = parse("temporal-localization", '{"start": "00:13.30", "end": "00:23.40"}', VIDEO, question="he turns")
    assert when.events[0].caption == "he turns" and when.events[0].end_s == pytest.approx(23.4)
    within = parse("temporal-localization", " The door opens. ", VIDEO, interval_s=(5.64, 17.49))
    assert within.events[0].model_dump() == {"start_s": 5.64, "end_s": 17.49, "caption": "The door opens."}


def test_a_path_keeps_its_order():
    text = (
        "My next steps: [713, 680], [552, 721]\n```json\n"
        '[{"point_2d": [713, 680], "label": "gripper trajectory"}, {"point_2d": [552, 721], "label": "g"}]\n```'
    )
    points = parse("action-chain-of-thought", text, question="move the bowl").points
    assert [(point.x_px, point.y_px) for point in points] == [
        pytest.approx((0.713 * 640, 0.680 * 480)),
        pytest.approx((0.552 * 640, 0.721 * 480)),
    ]
    drive = parse("action-chain-of-thought", "Pedestrians - adults walking", VIDEO, driving=True)
    assert drive.decision == "Pedestrians - adults walking" and not drive.points


def test_subjects_keep_their_marks():
    said = [{"subject_id": mark, "category": "ski", "caption": "white"} for mark in ("2", 4)]
    assert [subject.subject_id for subject in parse("describe-anything", json.dumps(said)).subjects] == ["2", "4"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("A", "possible"),
        ("(B) Impossible", "impossible"),
        ("B.", "impossible"),
        ("A: it rolls on", "possible"),
        ("This is impossible, as the ball vanishes.", "impossible"),
        ("Plausible", "possible"),
        ("A ball that vanishes is impossible.", "impossible"),
        ("B\n\nThe ball vanishes, which is not possible.", "impossible"),
    ],
)
def test_plausibility_is_one_label(text, label):
    assert parse("physical-plausibility", text, VIDEO).label == label


@pytest.mark.parametrize("text", ["", "Perhaps.", "Possible or impossible?", "Actually, that depends", "C"])
def test_plausibility_that_is_not_told_is_not_guessed(text):
    with pytest.raises(Unreadable):
        parse("physical-plausibility", text, VIDEO)


@pytest.mark.parametrize("name", ["caption", "common-sense", "embodied-reasoning", "situation-understanding"])
def test_plain_answers_are_text_and_not_empty(name):
    assert "a cup" in parse(name, " a cup\n", question="What?").model_dump().values()
    with pytest.raises(Unreadable, match="empty"):
        parse(name, " \n", question="What?")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("grounding-2d", "The cup is on the left.", "holds no JSON"),
        ("grounding-2d", '```json\n[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [1, 2', "broken or cut off"),
        ("grounding-2d", '[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [1, 2', "broken or cut off"),
        ("grounding-2d", '[{"bbox_2d": [1, 2, 3]}]', "bbox_2d"),
        ("grounding-2d", '[{"bbox_2d": [1, 2, 3, 1001]}]', "coordinates go from 0 to 1000"),
        ("grounding-2d", '[{"bbox_2d": [500, 2, 400, 10]}]', "x1 < x2"),
        ("grounding-2d", '[{"bbox_2d": [NaN, 2, 3, 4]}]', "broken"),
        ("grounding-2d", '[{"label": "cup"}]', 'either "bbox_2d" or "point_2d"'),
        ("action-chain-of-thought", "[]", "the path has no point"),
        ("action-chain-of-thought", '[{"bbox_2d": [1, 2, 3, 4]}]', "not of boxes"),
        ("describe-anything", '[{"subject_id": "1", "caption": "c"}]', "category"),
        ("temporal-localization", '[{"start": 3, "end": 2, "caption": "a"}]', "ends before"),
        ("temporal-localization", '[{"start": 3, "end": 200, "caption": "a"}]', "outside of the video"),
        ("temporal-localization", '[{"start": "soon", "end": 2, "caption": "a"}]', "is no time"),
        ("temporal-localization", '[{"start": 1, "end": 2}]', 'no "caption"'),
        ("temporal-localization", "[]", "empty"),
    ],
)
def test_answers_in_another_form_are_refused_with_the_reason(name, text, reason):
    with pytest.raises(Unreadable, match=reason):
        parse(name, text, VIDEO if name == "temporal-localization" else IMAGE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2000, 10**400) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["bbox_2d", "point_2d", "label", "time", "start", "end", "caption", "subject_id", "category"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.text(alphabet='ab [{]}\n`"', max_size=12), st.sampled_from(["{}", "```json\n{}\n```", "so: {} ."]))
@settings(max_examples=120, deadline=None)
def test_whatever_is_said_is_read_or_refused(content, before, frame):
    """Typed and within the picture and the video, or :class:`Unreadable`: never another error."""
    text = before + frame.replace("{}", json.dumps(content))
    for name in tasks():
        for scene in (IMAGE, VIDEO):
            try:
                answer = find_task(name).parse(text, Ask(question="q"), scene)
            except Unreadable:
                continue
            assert isinstance(answer, find_task(name).answer)
            for box in getattr(answer, "boxes", ()):
                assert 0 <= box.x1_px < box.x2_px <= scene.width_px and 0 <= box.y1_px < box.y2_px <= scene.height_px
            for event in getattr(answer, "events", ()):
                assert (
                    0 <= event.start_s <= event.end_s <= scene.duration_s + scene.step_s if scene.duration_s else True
                )


@given(st.lists(st.tuples(*[st.integers(0, 999)] * 4), max_size=5), st.integers(16, 4000), st.integers(16, 4000))
@settings(max_examples=100, deadline=None)
def test_boxes_written_in_the_documented_form_come_back(corners, width, height):
    said = [
        {"bbox_2d": [min(x, u), min(y, v), max(x, u) + 1, max(y, v) + 1], "label": str(place)}
        for place, (x, y, u, v) in enumerate(corners)
    ]
    boxes = parse("grounding-2d", f"Here:\n```json\n{json.dumps(said, indent=1)}\n```", Scene(width, height)).boxes
    assert [box.label for box in boxes] == [item["label"] for item in said]
    for box, item in zip(boxes, said, strict=True):
        x1, y1, x2, y2 = item["bbox_2d"]
        found = (box.x1_px / width, box.y1_px / height, box.x2_px / width, box.y2_px / height)
        assert np.allclose(np.array(found) * FULL_SCALE, (x1, y1, x2, y2))


@given(st.integers(0, 359_999))
def test_times_in_every_form_mean_the_same(hundredths):
    seconds = hundredths / 100
    clock = f"{int(seconds // 60):02d}:{seconds % 60:05.2f}"
    for form in (seconds, f"{seconds}", f"{seconds} s", clock, f"0:{clock}"):
        assert read_time(form) == pytest.approx(seconds, abs=6e-3)


def test_json_among_words_is_the_first_that_holds_objects():
    assert read_json('I see [1] cup at [2, 3]: {"a": {"b": [1]}} and {"c": 2}') == {"a": {"b": [1]}}


def test_what_cannot_be_read_is_asked_for_once_more(picture):
    model = Scripted("On the left.", '[{"bbox_2d": [0, 0, 500, 500], "label": "cube"}]')
    answer = run_task(model, "grounding-2d", shown(picture), Ask("the red cube"), seed=4)
    assert answer.value.boxes[0].x2_px == 64 and answer.problem is None and len(answer.replies) == 2
    first, second = model.asked
    assert isinstance(first, ReasonRequest) and first.seed == second.seed == 4
    question = first.messages[1]["content"]
    assert [part["type"] for part in question] == ["image", "text"], "the picture stands before the question"
    assert "the red cube" in question[1]["text"]
    *_, said, again = second.messages
    assert said == {"role": "assistant", "content": "On the left."}
    assert "holds no JSON" in again["content"]


def test_what_cannot_be_read_twice_is_text_with_the_reason(picture):
    answer = run_task(Scripted("Left.", "Still left."), "grounding-2d", shown(picture), Ask("the cube"))
    assert answer.value is None and answer.text == "Still left."
    assert answer.problem == "The answer cannot be read: it holds no JSON."


@pytest.mark.parametrize("name", list(tasks()))
def test_every_task_goes_the_whole_way_with_tiny(name, tiny, picture, film):
    """tiny's words mean nothing: what counts is that they come as a typed answer or as text with the reason."""
    task = find_task(name)
    part = shown(picture) if "image" in task.media else {"type": "video", "video": film}
    ask = Ask("" if task.question == "none" else "the cube")
    answer = run_task(tiny, name, part, ask, max_tokens=6, seed=1)
    assert answer.text == answer.replies[-1].text
    assert (answer.value is None) == (answer.problem is not None)
    assert answer.value is not None or len(answer.replies) == 2
    text = answer.replies[0].info
    assert text["reasoning"] is task.reasoning


@pytest.mark.parametrize(
    ("name", "ask", "sentence"),
    [
        ("grounding-2d", {}, "grounding-2d needs a question"),
        ("temporal-localization", {}, "is asked of video, not of image"),
        ("caption", {"driving": True}, "driving means nothing to caption"),
        ("caption", {"interval_s": (1.0, 2.0)}, "interval_s means nothing to caption"),
    ],
)
def test_questions_that_do_not_fit_are_refused_before_anything_is_computed(name, ask, sentence, picture):
    with pytest.raises(UsageError, match=sentence):
        run_task(Scripted(), name, shown(picture), Ask(**ask))


def test_intervals_lie_within_the_video(film):
    part = {"type": "video", "video": film}
    with pytest.raises(UsageError, match=r"ends at 9 s; the video lasts 3\.00 s"):
        run_task(Scripted(), "temporal-localization", part, Ask(interval_s=(1.0, 9.0)))
    with pytest.raises(UsageError, match="0 <= start < end"):
        Ask(interval_s=(2.0, 1.0))
    model = Scripted("It moves.")
    run_task(model, "temporal-localization", part, Ask(interval_s=(1.0, 2.5)))
    assert "between 00:01.00 and 00:02.50?" in model.asked[0].messages[1]["content"][1]["text"]
