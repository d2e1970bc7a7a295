"""The words that the network was trained to read: a JSON caption, or the older plain text.

Source: NVIDIA/cosmos-framework 5eee9ed (``ActionPromptJsonFormatter`` and the plain-text appenders). The strings are
reproduced to the character, ``json.dumps`` defaults included.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.inputs.canvas import CANVASES

VIEW_SENTENCES = {
    "ego_view": "This video is captured from a first-person perspective looking at the scene.",
    "third_person_view": (
        "This video is captured from a third-person perspective looking towards the agent from the front."
    ),
    "wrist_view": "This video is captured from a wrist-mounted camera.",
    "concat_view": "This video contains concatenated views from multiple camera perspectives.",
    "top_down_2d_view": "This video is captured from a top-down view of a flat 2D scene.",
    "video_game_view": "This video is captured from an in-game camera perspective in a virtual environment.",
}


@dataclass(frozen=True)
class PromptFacts:
    """Everything that a prompt says.

    instruction: the task in words.
    view_label: a key of ``VIEW_SENTENCES``; a label that training did not know says nothing.
    view_description: the sentence that tells how several views are laid out, or "".
    num_frames: video frames, T + 1. fps: frames per second.
    canvas_height, canvas_width: pixels.
    idle_frames: how many of the T actions are idle, or None where that is not known (as at inference).
    """

    instruction: str
    view_label: str
    view_description: str
    num_frames: int
    fps: float
    canvas_height: int
    canvas_width: int
    idle_frames: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise UsageError(f"fps is {self.fps}; expected a positive number of frames per second.")
        if self.num_frames < 1:
            raise UsageError(f"num_frames is {self.num_frames}; expected at least 1.")

    @property
    def duration_s(self) -> float:
        return self.num_frames / self.fps


def prompt_facts(embodiment: Any, instruction: str, num_frames: int, canvas: tuple[int, int]) -> PromptFacts:
    """The facts of one call: the embodiment's view and rate, the caller's words, the canvas (height, width)."""
    return PromptFacts(
        instruction=instruction,
        view_label=embodiment.view_label,
        view_description=embodiment.view_description,
        num_frames=num_frames,
        fps=embodiment.fps,
        canvas_height=canvas[0],
        canvas_width=canvas[1],
    )


def _aspect_ratio(height: int, width: int) -> str:
    for canvases in CANVASES.values():
        for ratio, canvas in canvases.items():
            if canvas == (height, width):
                return ratio
    divisor = math.gcd(height, width)
    return f"{width // divisor},{height // divisor}"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def json_prompt(facts: PromptFacts, mode: str = "policy", float_seconds: bool = False) -> str:
    """The structured caption. `mode` matters for "inverse_dynamics" only, which never told the idle frames.

    With `float_seconds`, times are given to a hundredth of a second, as some training sets had them.
    """
    framing = " ".join(s for s in (VIEW_SENTENCES.get(facts.view_label, ""), facts.view_description) if s)
    end_s = round(facts.duration_s)  # half to even, as in training
    action = {
        "time": f"0.00-{facts.duration_s:.2f}s" if float_seconds else f"0:00-{end_s // 60}:{end_s % 60:02d}",
        "description": _sentence(facts.instruction),
    }
    if facts.idle_frames is not None and mode != "inverse_dynamics":
        action["idle_frame"] = f"{facts.idle_frames} out of {facts.num_frames - 1}."
    prompt: dict[str, Any] = {}
    if framing:
        prompt["cinematography"] = {"framing": framing}
    prompt["actions"] = [{key: value for key, value in action.items() if value}]
    prompt["duration"] = f"{facts.duration_s:.2f}s" if float_seconds else f"{int(facts.duration_s)}s"
    prompt["fps"] = float(facts.fps)
    prompt["resolution"] = {"H": facts.canvas_height, "W": facts.canvas_width}
    prompt["aspect_ratio"] = _aspect_ratio(facts.canvas_height, facts.canvas_width)
    return json.dumps(prompt)


def plain_prompt(facts: PromptFacts, mode: str = "policy") -> str:
    """The older plain-text prompt, which Policy-DROID is served with by default. `mode` as in :func:`json_prompt`."""
    view = VIEW_SENTENCES.get(facts.view_label, "")
    if view and facts.view_description:
        view = f"{view} {facts.view_description}"
    seconds = int(facts.duration_s)
    parts = [
        view,
        f"The video is {seconds:.1f} seconds long and is of {facts.fps:.0f} FPS.",
        f"This video is of {facts.canvas_height}x{facts.canvas_width} resolution.",
    ]
    if facts.idle_frames is not None and mode != "inverse_dynamics":
        parts.append(f"IdleFrames: {facts.idle_frames} out of {facts.num_frames - 1}.")
    text = facts.instruction.rstrip()
    for part in parts:
        if part:
            text = f"{text.rstrip('.')}. {part}"
    return text
