"""Thinking towards an action: the path that a gripper takes in the picture, or what matters to a driver."""

from cosmos_policy.reasoner.tasks.answers import Marks, Point, TypedAnswer
from cosmos_policy.reasoner.tasks.reading import SaidPlace, plain_text, read_items
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Task, Unreadable


class ActionChain(TypedAnswer):
    """points: the path, in order, in pixels; empty for a driver. decision: a driver's, in words; else empty."""

    points: tuple[Point, ...] = ()
    decision: str = ""

    def marks(self) -> Marks:
        return Marks(points=self.points, path=True)


def _prompt(ask: Ask, scene: Scene) -> str:
    if ask.driving:
        scene_words = "The camera looks ahead from a moving car."
        return f"{scene_words} {ask.question or 'Which objects are critical for driving on safely, and why?'}"
    return (
        f'The task is: "{ask.question}". Which path should the end effector take in the image? Answer in JSON, with '
        'its points in order: [{"point_2d": [x, y], "label": "gripper trajectory"}, ...]'
    )


def _parse(text: str, ask: Ask, scene: Scene) -> ActionChain:
    if ask.driving:
        return ActionChain(decision=plain_text(text))
    points = [said.place(scene) for said in read_items(text, SaidPlace)]
    if not all(isinstance(point, Point) for point in points):
        raise Unreadable('a path is made of "point_2d", not of boxes')
    if not points:
        raise Unreadable("the path has no point")
    return ActionChain(points=tuple(points))


TASK = Task(
    name="action-chain-of-thought",
    summary="the path of the end effector for the task in the question, in pixels; or, of a drive, what matters",
    answer=ActionChain,
    prompt=_prompt,
    parse=_parse,
    options=("driving",),
    reasoning=True,
)
