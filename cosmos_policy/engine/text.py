"""From a prompt to token ids, as every Cosmos 3 generation call frames it."""

from __future__ import annotations

#: What the model was told in front of every prompt (diffusers 0.42.1, pipeline_cosmos3_omni, to the character).
SYSTEM_PROMPT_VIDEO = "You are a helpful assistant who will generate videos from a give prompt."
SYSTEM_PROMPT_IMAGE = "You are a helpful assistant who will generate images from a give prompt."


def prompt_token_ids(tokenizer, prompt: str, system_prompt: bool, image: bool = False) -> list[int]:
    """The ids of `prompt` in the chat template, closed by end-of-sequence and the start-of-generation token.

    tokenizer: a transformers tokenizer. system_prompt: whether the checkpoint wants a system prompt in front. image:
    whether a single image is generated.
    """
    system = SYSTEM_PROMPT_IMAGE if image else SYSTEM_PROMPT_VIDEO
    messages = [{"role": "system", "content": system}] if system_prompt else []
    messages.append({"role": "user", "content": prompt})
    encoded = tokenizer.apply_chat_template(
        messages, tokenize=True, add_generation_prompt=True, add_vision_id=False, return_dict=True
    )
    return [*encoded.input_ids, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|vision_start|>")]
