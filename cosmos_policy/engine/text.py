"""From a prompt to token ids, as every Cosmos 3 generation call frames it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.errors import UsageError

#: what prompts are lengthened with, where only their length matters
FILLER = " and then the next"
#: What the model was told in front of every prompt (diffusers 0.42.1, pipeline_cosmos3_omni, to the character).
SYSTEM_PROMPT_VIDEO = "You are a helpful assistant who will generate videos from a give prompt."
SYSTEM_PROMPT_IMAGE = "You are a helpful assistant who will generate images from a give prompt."
SYSTEM_PROMPT_TRANSFER = (
    "You are a helpful assistant that generates images or videos following the user's instructions and control signals "
    "(edge maps, blur, depth, or segmentation)."
)


def system_prompt_for(request: EngineRequest) -> str:
    """What the model is told it is doing."""
    if request.controls is not None:
        return SYSTEM_PROMPT_TRANSFER
    return SYSTEM_PROMPT_IMAGE if request.num_frames == 1 else SYSTEM_PROMPT_VIDEO


def check_prompt_length(token_ids: Sequence[int], most: int | None) -> None:
    """Raise a :class:`UsageError` for a prompt that is longer than whoever asked allowed: none is ever cut short."""
    if most is not None and len(token_ids) > most:
        raise UsageError(f"A prompt has {len(token_ids)} tokens with its frame; at most {most} were allowed.")


def prompt_token_ids(tokenizer, prompt: str, system_prompt: bool, system: str = SYSTEM_PROMPT_VIDEO) -> list[int]:
    """The ids of `prompt` in the chat template, closed by end-of-sequence and the start-of-generation token.

    tokenizer: a transformers tokenizer. system_prompt: whether the checkpoint wants a system prompt in front; `system`
    is which.
    """
    messages = [{"role": "system", "content": system}] if system_prompt else []
    messages.append({"role": "user", "content": prompt})
    encoded = tokenizer.apply_chat_template(
        messages, tokenize=True, add_generation_prompt=True, add_vision_id=False, return_dict=True
    )
    return [*encoded.input_ids, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|vision_start|>")]


def prompt_of_length(prompt: str, tokens: int, count: Callable[[str], int]) -> str:
    """`prompt` cut or continued to `tokens` tokens, for warming up and measuring. count: tokens of a prompt, frame
    included, which alone may be more."""
    text = prompt + FILLER * tokens
    low, high = 0, len(text)
    while low < high:  # the longest start that does not pass the number
        middle = (low + high + 1) // 2
        if count(text[:middle]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]
