"""Questions about the physical world that everybody knows the answer to."""

from cosmos_policy.reasoner.tasks.answers import Text
from cosmos_policy.reasoner.tasks.reading import plain_text
from cosmos_policy.reasoner.tasks.task import Task

TASK = Task(
    name="common-sense",
    summary="a question about what is seen, such as whether the table can carry the load",
    answer=Text,
    prompt=lambda ask, scene: ask.question,
    parse=lambda text, ask, scene: Text(text=plain_text(text)),
    reasoning=True,
)
