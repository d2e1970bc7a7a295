"""What is to be seen."""

from cosmos_policy.reasoner.tasks.answers import Text
from cosmos_policy.reasoner.tasks.reading import plain_text
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Task


class Caption(Text):
    """A description in a few sentences."""


def _prompt(ask: Ask, scene: Scene) -> str:
    what = "image" if scene.kind == "image" else "video, in the order in which things happen"
    return ask.question or f"Give a detailed caption of this {what}."


TASK = Task(
    name="caption",
    summary="what is to be seen in a picture or video, in detail",
    answer=Caption,
    prompt=_prompt,
    parse=lambda text, ask, scene: Caption(text=plain_text(text)),
    question="optional",
)
