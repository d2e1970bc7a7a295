"""Starts that the model makes up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import GenerateRequest, Sampling
from sim_eval.world_model.starts.base import Place, Start, StartSource
from sim_eval.world_model.starts.given import given_state

SEEDS = 2**31
ONE_FRAME = 1


class GeneratedStart(StartSource):
    """``options={"prompt": "a robot arm before a red cube", "state": {...}}``: a composed frame, generated from words.

    The picture's seed is drawn, so that another ``reset`` gives another picture. ``generation`` (optional) holds other
    fields of ``GenerateRequest``, such as ``{"size": (640, 480)}``. The robot's state is the caller's to say: a picture
    does not tell where its arm is.
    """

    options = ("prompt", "generation", "state")
    marks = ("prompt",)

    def open(self, options: Mapping[str, Any], place: Place, generator: np.random.Generator) -> Start:
        prompt = options["prompt"]
        if not isinstance(prompt, str) or not prompt.strip():
            raise UsageError(f"options['prompt'] is {prompt!r}; expected the words that a start is generated from.")
        seed = int(generator.integers(SEEDS))
        media = place.model.generate(_request(prompt, seed, options.get("generation")))
        return Start(media.frames[0], given_state(options), "", f"generated with seed {seed}: {prompt}")


def _request(prompt: str, seed: int, more: Any) -> GenerateRequest:
    fields = dict(more or {}) if isinstance(more or {}, Mapping) else None
    if fields is None:
        raise UsageError("options['generation'] holds fields of a GenerateRequest, such as {'size': (640, 480)}.")
    if isinstance(fields.get("sampling"), Mapping):
        fields["sampling"] = Sampling(**fields["sampling"])
    try:
        return GenerateRequest(**{"num_frames": ONE_FRAME, **fields, "prompt": prompt, "seed": seed})
    except TypeError:
        known = ", ".join(GenerateRequest.__dataclass_fields__)
        raise UsageError(f"options['generation'] has a field that does not exist; there are {known}.") from None
