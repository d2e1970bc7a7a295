"""Descriptions of the subjects that are marked with numbers in the picture."""

from typing import Any

from pydantic import field_validator

from cosmos_policy.reasoner.tasks.answers import TypedAnswer
from cosmos_policy.reasoner.tasks.reading import SaidModel, read_items
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Task


class Subject(TypedAnswer):
    """subject_id: the mark in the picture."""

    subject_id: str
    category: str
    caption: str


class Subjects(TypedAnswer):
    """One for each mark."""

    subjects: tuple[Subject, ...]


class _SaidSubject(SaidModel):
    subject_id: str
    category: str
    caption: str

    @field_validator("subject_id", mode="before")
    @classmethod
    def _mark(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _prompt(ask: Ask, scene: Scene) -> str:
    about = f" Pay attention to this: {ask.question}" if ask.question else ""
    return (
        "Some subjects are marked with numbers. Say of each marked one what kind of thing it is and describe its "
        "attributes. Answer in JSON with one item for each: "
        f'[{{"subject_id": "1", "category": "kind of thing", "caption": "its attributes"}}, ...]{about}'
    )


def _parse(text: str, ask: Ask, scene: Scene) -> Subjects:
    return Subjects(subjects=tuple(Subject(**said.model_dump()) for said in read_items(text, _SaidSubject)))


TASK = Task(
    name="describe-anything",
    summary="category and description of each subject that is marked with a number",
    answer=Subjects,
    prompt=_prompt,
    parse=_parse,
    question="optional",
)
