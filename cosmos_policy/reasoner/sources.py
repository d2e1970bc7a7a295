"""What a message of a local caller points to: paths, and file:, data: and http(s) URLs, as bytes.

A server does not use this: its requests come from strangers, and it has a guarded reader of its own.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from cosmos_policy.errors import Failure, UsageError

TIMEOUT_S = 30.0
#: a longer download is surely no picture or clip that anybody wants to ask about
MOST_BYTES = 1 << 30


def read_source(source: str | os.PathLike[str], name: str) -> bytes:
    """The bytes behind `source`. name: how messages call it.

    Raises :class:`UsageError` for what cannot be read, :class:`Failure` where a host does not answer as it should.
    """
    if isinstance(source, os.PathLike):
        return _file(Path(source), name)
    scheme = source.partition(":")[0].lower()
    if scheme == "data":
        return read_data_url(source, name)
    if scheme in ("http", "https"):
        return _fetch(source, name)
    if scheme == "file":
        parts = urlsplit(source)
        if parts.netloc not in ("", "localhost"):
            raise UsageError(f"{name} names a file on the host {parts.netloc}; expected file:///path.")
        return _file(Path(unquote(parts.path)), name)
    return _file(Path(source), name)


def read_inline(source: str | os.PathLike[str], name: str) -> bytes:
    """The same for messages that come from strangers: only what lies in the message itself (``data:`` URLs)."""
    if isinstance(source, str) and source[:5].lower() == "data:":
        return read_data_url(source, name)
    raise UsageError(f"{name} points to a file or URL, which is not read here; expected pixels (uint8) or a data: URL.")


def read_data_url(url: str, name: str) -> bytes:
    """The bytes of a ``data:`` URL, base64 or percent-encoded."""
    head, comma, body = url.partition(",")
    if not comma:
        raise UsageError(f'{name} is no data URL; expected "data:image/png;base64,...".')
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{name} is a data URL whose content is no base64.") from None


def _file(path: Path, name: str) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{name}: there is no file {path}.") from None
    except OSError as error:
        raise UsageError(f"{name}: {path} cannot be read ({error.strerror}).") from error


def _fetch(url: str, name: str) -> bytes:
    import httpx

    body = bytearray()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=TIMEOUT_S) as response:
            if response.status_code != 200:
                raise Failure(f"{name}: {url[:200]} answered {response.status_code} {response.reason_phrase}.")
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise UsageError(f"{name}: {url[:200]} is larger than {MOST_BYTES >> 20} MiB.")
    except httpx.InvalidURL as error:
        raise UsageError(f"{name}: {url[:200]} is no proper URL ({error}).") from error
    except httpx.HTTPError as error:
        raise Failure(f"{name}: {url[:200]} could not be fetched ({error}).") from error
    return bytes(body)
