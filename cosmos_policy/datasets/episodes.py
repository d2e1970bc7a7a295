"""Which episodes are meant: ``0,3:7`` as LeRobot writes it."""

from __future__ import annotations

from cosmos_policy.errors import UsageError


def parse_episodes(text: str | None, total: int) -> tuple[int, ...]:
    """Episode numbers from ``"0,3:7"`` (ranges leave out their end, as in Python; None: all), sorted, each once.

    total: how many episodes the dataset has. A :class:`UsageError` names a part that is no number or range, and an
    episode that is not there.
    """
    if text is None:
        return tuple(range(total))
    chosen: set[int] = set()
    for part in (part.strip() for part in text.split(",")):
        chosen.update(_one_part(part, text, total))
    unknown = sorted(number for number in chosen if number >= total)
    if unknown:
        there = "episode 0 alone" if total == 1 else f"episodes 0 to {total - 1}"
        raise UsageError(f"Episode {unknown[0]} does not exist: the dataset has {there}; change --episodes.")
    if not chosen:
        raise UsageError(
            f"--episodes {text!r} names no episode at all; a range leaves out its end, so 3:4 is episode 3."
        )
    return tuple(sorted(chosen))


def _one_part(part: str, text: str, total: int) -> range:
    first, colon, end = part.partition(":")
    try:
        if not colon:
            return range(_natural(first), _natural(first) + 1)
        return range(_natural(first) if first.strip() else 0, _natural(end) if end.strip() else total)
    except ValueError:
        raise UsageError(
            f"--episodes {text!r}: {part!r} is neither an episode number nor a range; write for example 0,3:7 "
            "(episodes 0, 3, 4, 5 and 6)."
        ) from None


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number
