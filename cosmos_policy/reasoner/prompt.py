"""A conversation as the network's inputs: chat template, words to tokens, pictures and videos to patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor
from transformers.video_utils import VideoMetadata

from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.clips import Clip
from cosmos_policy.reasoner.conversation import Turn
from cosmos_policy.reasoner.thoughts import OPENING, THINK_FIRST


@dataclass(frozen=True, eq=False)
class Prompt:
    """inputs: what transformers' network takes, on the device. ids: int64 [tokens]. inside_thoughts: whether the chat
    template has opened the thoughts already."""

    inputs: dict[str, Any]
    ids: torch.Tensor
    inside_thoughts: bool


class Prompter:
    """Turns conversations into inputs. processor: transformers', of the checkpoint."""

    def __init__(self, processor: Any, device: torch.device, dtype: torch.dtype):
        self._processor, self._device, self._dtype = processor, device, dtype
        self.tokenizer = processor.tokenizer

    def prompt(self, turns: Sequence[Turn], reasoning: bool) -> Prompt:
        """turns: of a conversation that ends with the user's. reasoning: ask for the thoughts first."""
        pictures = [part for turn in turns for part in turn.parts if not isinstance(part, (str, Clip))]
        clips = [part for turn in turns for part in turn.parts if isinstance(part, Clip)]
        text = self._processor.apply_chat_template(_as_template(turns, reasoning), add_generation_prompt=True)
        media: dict[str, Any] = {}
        if pictures:
            media["images"] = pictures
        if clips:
            media |= self._videos(clips)
        try:
            inputs = self._processor(text=[text], return_tensors="pt", return_mm_token_type_ids=True, **media)
        except ValueError as error:  # such as a picture two hundred times as wide as high
            raise UsageError(f"The pictures or videos cannot be prepared for the network: {error}.") from error
        inputs = {name: self._placed(value) for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        inputs.pop("attention_mask", None)
        return Prompt(inputs, inputs["input_ids"][0], text.rstrip().endswith(OPENING))

    def _videos(self, clips: Sequence[Clip]) -> dict[str, Any]:
        """Frames that are sampled already. At one frame a second, a frame's number is its time: the processor writes
        the true times between the frames, whatever the video's rate."""
        metadata = [VideoMetadata(total_num_frames=len(clip.frames), fps=1.0, frames_indices=list(clip.times_s))
                    for clip in clips]  # fmt: skip
        videos = [torch.from_numpy(clip.frames).permute(0, 3, 1, 2) for clip in clips]
        arguments: dict[str, Any] = {"videos": videos, "video_metadata": metadata, "do_sample_frames": False}
        arguments["return_metadata"] = True  # Edge's processor writes the times from what this returns
        if getattr(self._processor.video_processor, "cap_pixels_per_frame", True) is None:
            arguments["cap_pixels_per_frame"] = False  # what transformers does where a checkpoint says nothing
        return arguments

    def _placed(self, value: torch.Tensor) -> torch.Tensor:
        return value.to(self._device, self._dtype if value.is_floating_point() else value.dtype)


def load_processor(folder: Path) -> Any:
    """transformers' processor of a checkpoint folder; a :class:`UsageError` where it has no chat template."""
    processor = AutoProcessor.from_pretrained(folder)
    if not getattr(processor, "chat_template", None):
        raise UsageError(f"{folder} has no chat template: expected chat_template.jinja beside its tokenizer.")
    return processor


def _as_template(turns: Sequence[Turn], reasoning: bool) -> list[dict[str, Any]]:
    """`turns` as chat templates read them; where thoughts are wanted, the last one says so."""
    messages = []
    for turn in turns:
        parts = [
            {"type": "text", "text": part} if isinstance(part, str) else {"type": _kind(part)} for part in turn.parts
        ]
        plain = all(isinstance(part, str) for part in turn.parts)
        messages.append({"role": turn.role, "content": "".join(turn.parts) if plain else parts})
    if reasoning:
        last = messages[-1]
        if isinstance(last["content"], str):
            last["content"] += f"\n\n{THINK_FIRST}"
        else:
            last["content"].append({"type": "text", "text": f"\n\n{THINK_FIRST}"})
    return messages


def _kind(part: Any) -> str:
    return "video" if isinstance(part, Clip) else "image"
