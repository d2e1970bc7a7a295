"""Request ids: taken from ``X-Request-Id`` where it is a harmless one, else made."""

from __future__ import annotations

import re
import uuid

_HARMLESS = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def new_request_id(given: str | None = None) -> str:
    """`given`, if it may stand in a header and a log line; a fresh one otherwise."""
    return given if given and _HARMLESS.fullmatch(given) else uuid.uuid4().hex[:16]
