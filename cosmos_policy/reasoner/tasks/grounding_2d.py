"""Where something is: boxes in the picture's pixels; in a video, boxes with times, which make tracks."""

from cosmos_policy.reasoner.tasks.answers import Box, Marks, Point, TypedAnswer
from cosmos_policy.reasoner.tasks.reading import SaidPlace, read_items
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Task, Unreadable


class Grounding(TypedAnswer):
    """boxes, points: what was found, in pixels of the picture or of the video's frames."""

    boxes: tuple[Box, ...]
    points: tuple[Point, ...] = ()

    @property
    def tracks(self) -> dict[str, tuple[Box, ...]]:
        """label -> its boxes in the order of their times; in a picture all at once."""
        labels = dict.fromkeys(box.label for box in self.boxes)
        return {
            label: tuple(sorted((box for box in self.boxes if box.label == label), key=lambda box: box.time_s or 0.0))
            for label in labels
        }

    def marks(self) -> Marks:
        return Marks(tracks=self.tracks, points=self.points)


def _prompt(ask: Ask, scene: Scene) -> str:
    if scene.kind == "image":
        return (
            f"Locate {ask.question}. Answer in JSON with one item for each: "
            '[{"bbox_2d": [x1, y1, x2, y2], "label": "its name"}, ...]'
        )
    return (
        f"Locate {ask.question} throughout the video. Answer in JSON with one item for each time at which it is seen, "
        'in seconds: [{"time": 0.0, "bbox_2d": [x1, y1, x2, y2], "label": "its name"}, ...]'
    )


def _parse(text: str, ask: Ask, scene: Scene) -> Grounding:
    said = read_items(text, SaidPlace)
    if scene.kind == "video" and any(item.time is None for item in said):
        raise Unreadable('in a video, each item needs its "time" in seconds')
    places = [item.place(scene) for item in said]
    return Grounding(
        boxes=tuple(place for place in places if isinstance(place, Box)),
        points=tuple(place for place in places if isinstance(place, Point)),
    )


TASK = Task(
    name="grounding-2d",
    summary="boxes of what the question names, in pixels; in a video with their times",
    answer=Grounding,
    prompt=_prompt,
    parse=_parse,
)
