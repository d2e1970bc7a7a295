"""Choices: the probability of each word as transformers' own network gives it, alone and among other questions."""

import numpy as np
import pytest
import torch

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ReasonRequest

QUESTION = "Is the cube in the hand? Answer Yes or No."
CHOICES = ("Yes", "No")


def ask(picture, **options):
    content = [{"type": "image", "image": picture}, {"type": "text", "text": QUESTION}]
    return ReasonRequest([{"role": "user", "content": content}], **options)


def test_the_chances_are_the_networks(reasoner, reference, picture):
    network, processor = reference
    reply = reasoner.answer([ask(picture, choices=CHOICES)])[0]
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(text=[text], images=[picture], return_tensors="pt")
    with torch.inference_mode():
        likely = torch.softmax(network(**inputs).logits[0, -1].double(), dim=-1)
    ids = [processor.tokenizer.encode(choice, add_special_tokens=False)[0] for choice in CHOICES]
    own = likely[ids]
    np.testing.assert_allclose(list(reply.choices.values()), (own / own.sum()).numpy(), rtol=1e-4)
    np.testing.assert_allclose(reply.info["choices_share"], float(own.sum()), rtol=1e-4)
    assert reply.text == CHOICES[int(own.argmax())] and reply.completion_tokens == 0
    assert sum(reply.choices.values()) == pytest.approx(1.0)


def test_choices_and_answers_mix_in_a_batch(reasoner, picture):
    requests = [ask(picture, max_tokens=4), ask(picture, choices=CHOICES), ask(picture, max_tokens=2, seed=3)]
    together = reasoner.answer(requests)
    for reply, request in zip(together, requests, strict=True):
        alone = reasoner.answer([request])[0]
        assert reply.text == alone.text
        assert reply.choices == pytest.approx(alone.choices)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (("Yes",), "two strings or more"),
        ("Yes", "two strings or more"),
        (("Yes", ""), "none of them empty"),
    ],
)
def test_wrong_choices_are_told(picture, choices, words):
    with pytest.raises(UsageError, match=words):
        ask(picture, choices=choices)


def test_choices_that_begin_alike_are_told(reasoner, picture):
    with pytest.raises(UsageError, match="begin with the same token"):
        reasoner.answer([ask(picture, choices=("Yes", "Yes"))])
    with pytest.raises(UsageError, match="cannot go with reasoning"):
        ask(picture, choices=CHOICES, reasoning=True)
