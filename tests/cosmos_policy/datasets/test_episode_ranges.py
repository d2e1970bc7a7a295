import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_policy.datasets.episodes import parse_episodes
from cosmos_policy.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,3:7", (0, 3, 4, 5, 6)),
        (None, tuple(range(8))),
        ("5", (5,)),
        (" 2 , 1:3", (1, 2)),
        ("6:", (6, 7)),
        (":2", (0, 1)),
    ],
)
def test_written_as_lerobot_does(text, expected):
    assert parse_episodes(text, 8) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8", "Episode 8 does not exist: the dataset has episodes 0 to 7"),
        ("0:99", "Episode 8 does not exist"),
        ("-1", "'-1' is neither"),
        ("one", "'one' is neither"),
        ("1-3", "'1-3' is neither"),
        ("3,,4", "'' is neither"),
        ("3:3", "names no episode at all"),
    ],
)
def test_what_cannot_be_is_said(text, reason):
    with pytest.raises(UsageError, match=reason):
        parse_episodes(text, 8)


@given(st.sets(st.integers(0, 30), min_size=1))
def test_a_list_of_numbers_is_that_set(numbers):
    assert parse_episodes(",".join(map(str, numbers)), 31) == tuple(sorted(numbers))
