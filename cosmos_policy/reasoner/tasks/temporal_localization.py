"""What happens when: the events of a video, the time of one of them, or what happens within an interval."""

from typing import Any

from pydantic import field_validator

from cosmos_policy.reasoner.tasks.answers import Event, Marks, TypedAnswer
from cosmos_policy.reasoner.tasks.reading import SaidModel, check_time, plain_text, read_items, read_time
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Task, Unreadable


class Events(TypedAnswer):
    """In the order in which they were told."""

    events: tuple[Event, ...]

    def marks(self) -> Marks:
        return Marks(events=self.events)


class _SaidEvent(SaidModel):
    start: float
    end: float
    caption: str = ""

    @field_validator("start", "end", mode="before")
    @classmethod
    def _time(cls, value: Any) -> float:
        return read_time(value)


def _prompt(ask: Ask, scene: Scene) -> str:
    if ask.interval_s is not None:
        start, end = map(_clock, ask.interval_s)
        return f"{ask.question or 'What happens'} between {start} and {end}?".replace("??", "?")
    if ask.question:
        return (
            f'When in the video does this happen: "{ask.question}"? Answer in JSON, with the times in seconds: '
            '{"start": 0.0, "end": 0.0}'
        )
    return (
        "Which events happen in this video, from its beginning to its end? Answer in JSON, with the times in seconds, "
        'one item for each event: [{"start": 0.0, "end": 0.0, "caption": "what happens"}, ...]'
    )


def _parse(text: str, ask: Ask, scene: Scene) -> Events:
    if ask.interval_s is not None:
        return Events(events=(Event(start_s=ask.interval_s[0], end_s=ask.interval_s[1], caption=plain_text(text)),))
    events = []
    for said in read_items(text, _SaidEvent):
        if said.start > said.end:
            raise Unreadable(f"an event starts at {said.start:g} s and ends before that, at {said.end:g} s")
        if not (said.caption or ask.question):
            raise Unreadable('an event has no "caption"')
        times = {"start_s": check_time(said.start, scene), "end_s": check_time(said.end, scene)}
        events.append(Event(**times, caption=said.caption or ask.question))
    if not events:
        raise Unreadable("the list of events is empty")
    return Events(events=tuple(events))


def _clock(seconds: float) -> str:
    """mm:ss.ff, as the checkpoints were asked for times in training."""
    return f"{int(seconds // 60):02d}:{seconds % 60:05.2f}"


TASK = Task(
    name="temporal-localization",
    summary="the events of a video with their times; when the event in the question happens; or what happens between "
    "two times",
    answer=Events,
    prompt=_prompt,
    parse=_parse,
    media=("video",),
    question="optional",
    options=("interval_s",),
)
