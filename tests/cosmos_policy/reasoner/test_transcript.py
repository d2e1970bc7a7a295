"""Text that grows: thoughts apart from answers, stop strings, characters cut in two; the same however it is cut."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_policy.checkpoints.tiny.tokenizer import make_tokenizer
from cosmos_policy.reasoner.thoughts import Thoughts
from cosmos_policy.reasoner.transcript import Transcript

TOKENIZER = make_tokenizer()


def part(text: str, cuts: list[int] = (), inside: bool = False) -> tuple[str | None, str]:
    """(thoughts, answer) of `text` that comes in pieces; checks that the deltas say the same."""
    thoughts = Thoughts(inside)
    edges = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    deltas = [thoughts.add(text[start:end]) for start, end in itertools.pairwise(edges)]
    deltas.append(thoughts.add("", last=True))
    assert "".join(delta.text for delta in deltas) == thoughts.answer
    assert "".join(delta.reasoning for delta in deltas) == (thoughts.thoughts or "")
    return thoughts.thoughts, thoughts.answer


def write(text: str, stop=()) -> Transcript:
    transcript = Transcript(TOKENIZER, stop)
    said = ""
    for token in TOKENIZER.encode(text):
        said += transcript.add(token).text
        if transcript.stopped_by is not None:
            break
    said += transcript.finish().text
    assert said == transcript.text
    return transcript


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A cup.", (None, "A cup.")),
        ("<think>\nI see a cup.\n</think>\n\nA cup.", ("I see a cup.", "A cup.")),
        ("\n<think>one\n\ntwo</think>done", ("one\n\ntwo", "done")),
        ("<think></think>yes", ("", "yes")),
        ("<think>never ended ", ("never ended", "")),
        ("<thin", (None, "<thin")),
        ("no </think> here", (None, "no </think> here")),
        ("first <think>not first</think>", (None, "first <think>not first</think>")),
        ("<think>a < b </thin </think> c", ("a < b </thin", "c")),
        ("", (None, "")),
    ],
)
def test_thoughts_stand_first_between_their_marks(text, expected):
    assert part(text) == expected
    assert part(text, list(range(1, len(text)))) == expected


def test_thoughts_that_the_template_has_opened():
    assert part("\nI see.\n</think>\nA cup.", inside=True) == ("I see.", "A cup.")


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", " ", "\n", "a", "</", "think>", "é"]), max_size=12),
    st.lists(st.integers(1, 40), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_where_a_text_is_cut_makes_no_difference(pieces, cuts):
    text = "".join(pieces)
    assert part(text, cuts) == part(text)


@given(st.text(alphabet="ab <>é漢🙂\n", max_size=40))
@settings(max_examples=200, deadline=None)
def test_tokens_become_the_text_that_they_stand_for(text):
    transcript = write(text)
    assert (transcript.thoughts, transcript.text) == part(text)


@given(st.text(alphabet="abc", max_size=30), st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_text_ends_before_its_first_stop_string(text, stops):
    transcript = write(text, stops)
    ends = [text.find(stop) for stop in stops if stop in text]
    if not ends:
        assert transcript.text == text and transcript.stopped_by is None
        return
    assert text.startswith(transcript.text) and transcript.stopped_by in stops
    assert not any(stop in transcript.text for stop in stops)


def test_a_character_cut_in_two_is_told_as_such():
    tokens = TOKENIZER.encode("漢")
    assert len(tokens) > 1
    transcript = Transcript(TOKENIZER)
    assert all(not transcript.add(token).text for token in tokens[:-1])
    assert transcript.finish().text == TOKENIZER.decode(tokens[:-1]) == "\N{REPLACEMENT CHARACTER}"


def test_tokens_of_thoughts_are_counted():
    transcript = write("<think>I see</think>yes it is")
    before = len(TOKENIZER.encode("<think>I see</think>"))
    assert before - 1 <= transcript.thought_tokens <= before + 1
    assert write("yes").thought_tokens == 0
