"""From composed views and an instruction to what the network was trained on: canvas, padding and prompt."""

from cosmos_policy.inputs.canvas import (
    CANVASES,
    Fit,
    choose_tier,
    fit_frames,
    plan_fit,
    visible_content,
)
from cosmos_policy.inputs.prompt import VIEW_SENTENCES, PromptFacts, json_prompt, plain_prompt, prompt_facts

__all__ = [
    "CANVASES",
    "VIEW_SENTENCES",
    "Fit",
    "PromptFacts",
    "choose_tier",
    "fit_frames",
    "json_prompt",
    "plain_prompt",
    "plan_fit",
    "prompt_facts",
    "visible_content",
]
