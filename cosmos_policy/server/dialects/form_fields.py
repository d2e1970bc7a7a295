"""Single fields of OpenAI's forms and bodies. In a form every value is text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.generator.guardrails import is_guarded
from cosmos_policy.server.errors import Forbidden, Invalid, NotLoaded
from cosmos_policy.server.media.references import read_reference
from cosmos_policy.server.service import Service
from cosmos_policy.types import Sampling
from cosmos_policy.wire.readers import read_number, read_whole


def check_known(given: Mapping[str, Any], known: tuple[str, ...], name: str) -> None:
    """Raise :class:`Invalid` for fields that nobody would read."""
    strangers = [str(field)[:60] for field in given if field not in known]
    if strangers:
        raise Invalid(f"{name} no field {', '.join(map(repr, strangers[:5]))}; expected {', '.join(known)}.")


def number(value: Any, name: str) -> float | None:
    """A number, or None where nothing was given."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Invalid(f"{name} must be a number, not {value[:40]!r}.") from None
    return value if isinstance(value, int) and not isinstance(value, bool) else read_number(value, name)


def whole(value: Any, name: str, low: int, high: int) -> int | None:
    """A whole number from `low` to `high`, or None where nothing was given."""
    found = number(value, name)
    return None if found is None else read_whole(found, name, low, high)


def flag(value: Any, name: str) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    raise Invalid(f"{name} must be true or false, not {str(value)[:40]!r}.")


def sampling(form: Mapping[str, Any], tier: int | None = None) -> Sampling:
    """The sampling that the fields ask for."""
    return Sampling(
        num_inference_steps=whole(form.get("num_inference_steps"), "num_inference_steps", 1, 2000),
        guidance_scale=number(form.get("guidance_scale"), "guidance_scale"),
        flow_shift=number(form.get("flow_shift"), "flow_shift"),
        resolution_tier=tier,
    )


def reference(value: Any, name: str, service: Service) -> bytes | None:
    """An upload, or what a URL stands for; None where nothing was given."""
    if isinstance(value, Mapping):
        value = value.get("image_url")
    if value is None or isinstance(value, bytes):
        return value
    if not isinstance(value, str) or not value:
        raise Invalid(f"{name} must be an upload, or a data:, http:, https: or file: URL.")
    return read_reference(value, name, service.settings.security)


def guardrails(extra: Mapping[str, Any], service: Service) -> bool | None:
    """Whether a generation is to be guarded; None where nothing was said. Raises :class:`NotLoaded` or
    :class:`Forbidden` where the model does not let a request choose so."""
    if extra.get("guardrails") is None:
        return None
    wanted = flag(extra["guardrails"], "guardrails")
    try:
        is_guarded(service.facts.get("guardrails", "missing"), wanted)
    except UsageError as error:
        raise (NotLoaded if wanted else Forbidden)(str(error)) from None
    return wanted


def refuse_guardrails(extra: Mapping[str, Any]) -> None:
    """Raise :class:`NotLoaded` where guardrails are asked for around actions."""
    if flag(extra.get("guardrails", False), "guardrails"):
        raise NotLoaded("guardrails are for generations: the action modes have none; give false, or leave it out.")
