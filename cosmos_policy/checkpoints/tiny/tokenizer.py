"""A byte-level BPE tokenizer in Qwen's shape, trained on a few lines, with Qwen's special tokens and chat markup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

MERGED_VOCABULARY_SIZE = 384

#: in the order of Qwen2.5's and Qwen3-VL's vocabularies
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

TRAINING_LINES = (
    "put the banana in the bowl. open the drawer. lift the red cube. stack the blocks on the table.",
    "This video contains concatenated views from multiple camera perspectives.",
    "The top row is from the wrist-mounted camera. The bottom row shows the robot from opposite sides.",
    '{"cinematography": {"framing": "first-person"}, "actions": [{"time": "0:00-0:02", "description": ""}],',
    '"duration": "2s", "fps": 15.0, "resolution": {"H": 544, "W": 736}, "aspect_ratio": "4,3"}',
    "You are a helpful assistant. What should the robot do next? The gripper closes around the cup.",
)

CHAT_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' or part.type == 'image_url' -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'video' or part.type == 'video_url' -%}
<|vision_start|><|video_pad|><|vision_end|>
{%- elif part.type == 'text' -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""


def make_tokenizer(lines: Sequence[str] = TRAINING_LINES, vocabulary_size: int = MERGED_VOCABULARY_SIZE):
    """The tokenizer as a ``transformers.Qwen2Tokenizer``; the same on every machine.

    lines: what it is trained on. vocabulary_size: bytes and merges, without the special tokens.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(lines, trainer)
    model = json.loads(trained.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL_TOKENS),
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tokenizer(folder: Path):
    """Write the tokenizer's files to `folder` and return the tokenizer."""
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    return tokenizer
