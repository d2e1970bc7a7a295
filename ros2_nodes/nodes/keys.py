"""A server's key, from a file: parameters can be read by everybody on the network."""

from __future__ import annotations

from pathlib import Path

from cosmos_policy.errors import UsageError


def read_key(path: str) -> str | None:
    """The one line of the file; None for an empty path."""
    if not path:
        return None
    try:
        key = Path(path).read_text().strip()
    except OSError as error:
        raise UsageError(f"api_key_file {path} cannot be read ({error.strerror}).") from None
    if not key or "\n" in key:
        raise UsageError(f"api_key_file {path} must hold one line, the key.")
    return key
