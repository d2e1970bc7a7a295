"""What the robot, or the person, should do next."""

from cosmos_policy.reasoner.tasks.answers import TypedAnswer
from cosmos_policy.reasoner.tasks.reading import plain_text
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Task


class NextAction(TypedAnswer):
    """action: in words."""

    action: str


def _prompt(ask: Ask, scene: Scene) -> str:
    goal = f'The overall task is: "{ask.question}". ' if ask.question else ""
    return f"{goal}What should be the very next action?"


TASK = Task(
    name="embodied-reasoning",
    summary="the next action, given what is seen; the question names the overall task",
    answer=NextAction,
    prompt=_prompt,
    parse=lambda text, ask, scene: NextAction(action=plain_text(text)),
    question="optional",
    reasoning=True,
)
