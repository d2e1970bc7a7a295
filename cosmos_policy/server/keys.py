"""API keys: read from a file, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from cosmos_policy.errors import UsageError

SHORTEST = 16


def read_keys(path: Path) -> dict[str, str]:
    """name -> key, from a file with one key a line: ``key`` or ``name:key``; ``#`` starts a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The API key file {path} cannot be read: {error}.") from None
    keys: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        name, colon, key = text.partition(":")
        name, key = (name.strip(), key.strip()) if colon else (f"key-{number}", text)
        if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(
                f"Line {number} of {path} holds no usable API key; expected at least {SHORTEST} printable ASCII "
                "characters without blanks."
            )
        if name in keys:
            raise UsageError(f"Line {number} of {path} names {name!r} a second time.")
        keys[name] = key
    if not keys:
        raise UsageError(f"The API key file {path} holds no key: put one on a line of its own.")
    return keys


class Keyring:
    """Tells who a caller is."""

    def __init__(self, keys: Mapping[str, str]):
        self._digests = {name: hashlib.sha256(key.encode()).digest() for name, key in keys.items()}

    @property
    def open(self) -> bool:
        """Whether everybody may call."""
        return not self._digests

    def owner(self, authorization: str | None) -> str | None:
        """The name of the key in an Authorization header (``Bearer KEY``, or openpi's ``Api-Key KEY``), or None.

        Every key is compared, by digest, so that time tells nothing about any of them.
        """
        if self.open:
            return "everybody"
        scheme, _, given = (authorization or "").partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for name, known in self._digests.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found if scheme.lower() in ("bearer", "api-key") else None
