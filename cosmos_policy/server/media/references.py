"""What a request points to: ``data:`` and http(s) URLs, and files under the folder that the operator allowed.

A URL's host is resolved once, every address is checked, and the connection goes to the checked address: a name that
answers differently the second time leads nowhere. Redirects are followed by the same road.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import time
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import httpx

from cosmos_policy.server.errors import Forbidden, Invalid, TooLarge
from cosmos_policy.server.media.images import decode_base64
from cosmos_policy.server.media.names import resolve
from cosmos_policy.server.settings import Security

MOST_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)


def read_reference(reference: str, name: str, security: Security) -> bytes:
    """The bytes that `reference` (a data:, http:, https: or file: URL) stands for."""
    scheme = reference.partition(":")[0].lower()
    if scheme == "data":
        return decode_base64(reference, name)
    if scheme in ("http", "https"):
        return _fetch(reference, name, security)
    if scheme == "file":
        parts = urlsplit(reference)
        if parts.netloc not in ("", "localhost"):
            raise Invalid(f"{name} names a file on another host; expected file:///path.")
        return read_local_file(unquote(parts.path), name, security)
    raise Invalid(f"{name} must be a data:, http:, https: or file: URL.")


def read_local_file(path: str, name: str, security: Security) -> bytes:
    """The bytes of a file under the allowed folder; ``..`` and symbolic links that lead out of it are refused."""
    folder = security.media_folder
    if folder is None:
        raise Forbidden(
            f"{name} is a path on the server, and this server reads none: start it with --allowed-local-media-path, "
            "or upload the file."
        )
    refusal = Forbidden(f"{name} is not a readable file under the folder that this server allows.")
    if "\0" in path or len(path) > 4096:
        raise refusal
    root = os.path.realpath(folder)
    real = os.path.realpath(os.path.join(root, path))
    if os.path.commonpath([root, real]) != root or real == root:
        raise refusal
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise refusal from None
    try:
        # The path may have been exchanged since it was checked: what was opened is what counts.
        opened = Path(f"/proc/self/fd/{descriptor}")
        if opened.exists() and os.path.commonpath([root, os.path.realpath(opened)]) != root:
            raise refusal
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise refusal
        if facts.st_size > security.fetch_bytes:
            raise TooLarge(f"{name} has {facts.st_size} bytes; at most {security.fetch_bytes} are read.")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(security.fetch_bytes)
    finally:
        os.close(descriptor)


def _fetch(url: str, name: str, security: Security) -> bytes:
    until = time.monotonic() + security.fetch_s
    try:
        for _ in range(MOST_REDIRECTS + 1):
            answer = _get(url, name, security, until)
            if isinstance(answer, bytes):
                return answer
            url = answer
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
        raise Invalid(f"{name} could not be fetched from its URL.") from None
    raise Invalid(f"{name} was redirected more than {MOST_REDIRECTS} times.")


def _get(url: str, name: str, security: Security, until: float) -> bytes | str:
    """The body at `url`, or the URL that it redirects to."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Invalid(f"{name} is not a proper URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise Invalid(f"{name} must be an http(s) URL with a host and without a user name.")
    address = _public_address(parts.hostname, port, name, security, until)
    netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    pinned = urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))
    host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    extensions = {"sni_hostname": parts.hostname} if parts.scheme == "https" else {}
    with (
        httpx.Client(trust_env=False, follow_redirects=False, timeout=max(0.1, until - time.monotonic())) as client,
        client.stream(
            "GET", pinned, headers={"Host": host, "Accept-Encoding": "identity"}, extensions=extensions
        ) as response,
    ):
        if response.status_code in REDIRECTS and "location" in response.headers:
            return urljoin(url, response.headers["location"])
        if response.status_code != 200:
            raise Invalid(f"{name} could not be fetched: its host answered {response.status_code}.")
        body = bytearray()
        for piece in response.iter_raw():  # never unpacked: no bomb goes off here
            body += piece
            if len(body) > security.fetch_bytes:
                raise TooLarge(f"{name} is larger than {security.fetch_bytes} bytes.")
            if time.monotonic() > until:
                raise Invalid(f"{name} did not arrive within {security.fetch_s:g} s.")
        return bytes(body)


def _public_address(host: str, port: int, name: str, security: Security, until: float) -> str:
    """One address of `host`, after all of them were found to be public (or private ones are allowed)."""
    try:
        addresses = resolve(host, port, max(0.1, until - time.monotonic()))
    except TimeoutError:
        raise Invalid(f"{name} could not be fetched: its host was not found within {security.fetch_s:g} s.") from None
    for address in addresses:
        found = ipaddress.ip_address(address.partition("%")[0])
        found = getattr(found, "ipv4_mapped", None) or found
        if not security.allow_private_urls and (not found.is_global or found.is_multicast):
            raise Forbidden(f"{name} leads to a private address, and this server fetches from public ones only.")
    return addresses[0]
