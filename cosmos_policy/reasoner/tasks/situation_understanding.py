"""What is going on, and what comes of it."""

from cosmos_policy.reasoner.tasks.answers import Text
from cosmos_policy.reasoner.tasks.reading import plain_text
from cosmos_policy.reasoner.tasks.task import Task

TASK = Task(
    name="situation-understanding",
    summary="what is going on and what will likely happen next, or a question of your own about it",
    answer=Text,
    prompt=lambda ask, scene: ask.question or "What is going on here, and what will most likely happen next?",
    parse=lambda text, ask, scene: Text(text=plain_text(text)),
    question="optional",
)
