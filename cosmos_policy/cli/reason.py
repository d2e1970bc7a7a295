"""``cosmos-policy reason``: a question about pictures and videos, or one of the named tasks."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from cosmos_policy.cli import options
from cosmos_policy.errors import Failure, UsageError

if TYPE_CHECKING:
    from cosmos_policy.reasoner.tasks.task import TaskAnswer
    from cosmos_policy.types import Reply
    from cosmos_policy.world_action_model import WorldActionModel

#: how a drawn picture's name ends -> Pillow's format
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def reason(
    question: Annotated[str, typer.Argument(help="What to ask; some tasks need none.")] = "",
    image: Annotated[list[str], typer.Option(help="A picture: a file or URL. May be given several times.")] = [],  # noqa: B006
    video: Annotated[list[str], typer.Option(help="A video: a file or URL. May be given several times.")] = [],  # noqa: B006
    task: Annotated[str | None, typer.Option(help="A named task with a typed answer; 'list' lists them.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where a task draws its answer (.png, .jpg; .mp4); default: here, by its name.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="start,end in seconds, for temporal-localization.")] = None,
    driving: Annotated[
        bool, typer.Option("--driving", help="The camera is a car's (action-chain-of-thought).")
    ] = False,
    system: Annotated[str | None, typer.Option(help="System prompt of a free question; default: none.")] = None,
    reasoning: Annotated[
        bool | None, typer.Option("--reasoning/--no-reasoning", help="Thoughts before the answer; default: the task's.")
    ] = None,
    video_fps: Annotated[
        float | None, typer.Option(help="Frames looked at per second; default: 2, in tasks 4.")
    ] = None,
    all_frames: Annotated[bool, typer.Option("--all-frames", help="Look at every frame of a video.")] = False,
    max_tokens: Annotated[int, typer.Option(help="The most tokens of thoughts and answer.")] = 4096,
    stop: Annotated[list[str], typer.Option(help="The answer ends before this. May be given several times.")] = [],  # noqa: B006
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest; default: as documented.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Default: as documented.")] = None,
    top_k: Annotated[int | None, typer.Option(help="0 is no limit; default: as documented.")] = None,
    repetition_penalty: Annotated[float | None, typer.Option(help="1 is none; default: as documented.")] = None,
    presence_penalty: Annotated[float | None, typer.Option(help="0 is none; default: as documented.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that is known of the answer, as JSON.")] = False,
    checkpoint: options.Checkpoint = "tiny",
    like: options.Like = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    dtype: options.Dtype = None,
) -> None:
    """Ask about pictures and videos. Words come as they are said, thoughts on stderr.

    Example: cosmos-policy reason --task grounding-2d --image i.jpg "the red cube"
    """
    import cosmos_policy
    from cosmos_policy.types import ReasonSampling

    if task == "list":
        _list_tasks(as_json)
        return
    settings: dict[str, Any] = {
        "sampling": ReasonSampling(temperature, top_p, top_k, repetition_penalty, presence_penalty),
        "seed": seed,
        "max_tokens": max_tokens,
        "stop": tuple(stop),
        "video_fps": video_fps,
        "all_frames": all_frames,
    }
    if reasoning is not None:
        settings["reasoning"] = reasoning
    shown = [{"type": "image", "image": path} for path in image] + [{"type": "video", "video": path} for path in video]
    if task is None:
        _refuse_task_options(output, interval, driving)
        if not question:
            raise UsageError("There is nothing to answer: give a question, or a task (--task list lists them).")
        content = [*shown, {"type": "text", "text": question}]
        messages = [{"role": "system", "content": system}] if system is not None else []
        with cosmos_policy.load(checkpoint, device=device, dtype=dtype, like=like) as model:
            _answer(model, [*messages, {"role": "user", "content": content}], settings, as_json)
        return
    from cosmos_policy.reasoner.tasks import find_task
    from cosmos_policy.reasoner.tasks.task import Ask

    find_task(task)
    if len(shown) != 1:
        raise UsageError(f"{task} is asked of one picture or one video; there are {len(shown)}.")
    if system is not None:
        raise UsageError("--system goes with a free question; a task has its own.")
    asked = Ask(question, None if interval is None else _interval(interval), driving)
    with cosmos_policy.load(checkpoint, device=device, dtype=dtype, like=like) as model:
        _run_task(model, task, shown[0], asked, settings, output, as_json)


def _answer(model: WorldActionModel, messages: list[dict[str, Any]], settings: dict[str, Any], as_json: bool) -> None:
    """A free question, said as it comes."""
    from cosmos_policy.types import Reply

    for said in model.stream_reason(messages, **settings):
        if isinstance(said, Reply):
            if as_json:
                print(json.dumps(_reply_as_json(said), indent=2))
                return
            print(flush=True)
            if said.finish_reason == "length":
                print(f"cosmos-policy: cut off at --max-tokens {settings['max_tokens']}", file=sys.stderr)
        elif not as_json:
            print(said.reasoning, end="", file=sys.stderr, flush=True)
            print(said.text, end="", flush=True)


def _run_task(
    model: WorldActionModel,
    task: str,
    shown: dict[str, Any],
    asked: Any,
    settings: dict[str, Any],
    output: Path | None,
    as_json: bool,
) -> None:
    """A named task: prints its typed answer, and draws it where it can be drawn."""
    from cosmos_policy.reasoner.sources import read_source
    from cosmos_policy.reasoner.tasks.run import run_task

    kept: dict[Any, bytes] = {}

    def read_once(source: Any, name: str) -> bytes:
        if source not in kept:
            kept[source] = read_source(source, name)
        return kept[source]

    target = output or Path(f"{_stem(shown[shown['type']])}_{task}.{'png' if shown['type'] == 'image' else 'mp4'}")
    _check_ending(target, shown["type"])
    answer = run_task(model, task, shown, asked, read=read_once, **settings)
    drawn = answer.value is not None and bool(answer.value.marks())
    if drawn:
        _draw(shown, answer, target, read_once)
    if as_json:
        print(json.dumps({**_task_as_json(answer), "drawn": str(target) if drawn else None}, indent=2))
    else:
        if answer.reasoning:
            print(answer.reasoning, file=sys.stderr)
        print(answer.text if answer.value is None else answer.value.model_dump_json(indent=2, exclude_none=True))
        if drawn:
            print(f"drawn on {target}", file=sys.stderr)
    if answer.value is None:
        raise Failure(f"{answer.problem} It was asked twice; what it said is printed as it is.")


def _draw(shown: dict[str, Any], answer: TaskAnswer, target: Path, read: Any) -> None:
    from PIL import Image

    from cosmos_policy.media import write_video
    from cosmos_policy.media.video import written_whole
    from cosmos_policy.reasoner.clips import Looking, decode_clip
    from cosmos_policy.reasoner.conversation import decode_picture
    from cosmos_policy.reasoner.drawing import draw_on_clip, draw_on_picture

    source, marks = shown[shown["type"]], answer.value.marks()
    if shown["type"] == "image":
        picture = decode_picture(read(source, "the picture"), "the picture", Looking())
        with written_whole(target) as unfinished:
            Image.fromarray(draw_on_picture(picture, marks)).save(unfinished, PICTURES[target.suffix.lower()])
        return
    whole = Looking(fps=None, frames=sys.maxsize, clip_pixels=sys.maxsize)
    clip = decode_clip(read(source, "the video"), "the video", whole)
    write_video(target, draw_on_clip(clip, marks), clip.fps)


def _check_ending(target: Path, kind: str) -> None:
    known = tuple(PICTURES) if kind == "image" else (".mp4",)
    if target.suffix.lower() not in known:
        raise UsageError(
            f"--output {target} cannot hold a drawn {kind}: expected a name that ends in {', '.join(known)}."
        )


def _refuse_task_options(output: Path | None, interval: str | None, driving: bool) -> None:
    given = {"--output": output is not None, "--interval": interval is not None, "--driving": driving}
    if any(given.values()):
        raise UsageError(f"{', '.join(name for name, there in given.items() if there)} goes with --task.")


def _interval(text: str) -> tuple[float, float]:
    try:
        start, end = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--interval {text!r} is not start,end in seconds, such as 2.5,8.") from None
    return start, end


def _stem(source: str) -> str:
    """What a drawing of `source` is called after."""
    if source[:5].lower() == "data:":
        return "picture"
    path = urlsplit(source).path if "://" in source else source
    return Path(unquote(path)).stem or "picture"


def _reply_as_json(reply: Reply) -> dict[str, Any]:
    content = asdict(reply)
    content["timing_ms"] = content.pop("timing")
    return content


def _task_as_json(answer: TaskAnswer) -> dict[str, Any]:
    return {
        "task": answer.task,
        "answer": None if answer.value is None else answer.value.model_dump(),
        "problem": answer.problem,
        "text": answer.text,
        "reasoning": answer.reasoning,
        "scene": asdict(answer.scene),
        "replies": [_reply_as_json(reply) for reply in answer.replies],
    }


def _list_tasks(as_json: bool) -> None:
    from cosmos_policy.reasoner.tasks import tasks

    if as_json:
        listed = [
            {"name": task.name, "summary": task.summary, "media": list(task.media), "question": task.question}
            for task in tasks().values()
        ]
        print(json.dumps(listed, indent=2))
        return
    for task in tasks().values():
        print(f"{task.name:24} {task.summary} ({' or '.join(task.media)}; question {task.question})")
