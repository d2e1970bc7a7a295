"""One HTTP server that speaks OpenAI's surface: asked with patience, and its refusals told as ours are."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from cosmos_policy.client.connection import Patience, ServerRefusal, ServerUnreachable, tries
from cosmos_policy.errors import UsageError

#: Statuses that mean wrong use; everything else that is no success is the server's trouble.
WRONG_USE = (400, 404, 405, 409, 413, 415, 422)
UNAUTHORIZED = (401, 403)


class Endpoint:
    """Speaks JSON, forms and server-sent events to one address. Threads may share it."""

    def __init__(self, address: str, api_key: str | None, patience: Patience, certificate_file: str | None = None):
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise UsageError(f'{address!r} is no server address; expected "http://host:port" (or https).')
        self.address = f"{parts.scheme}://{parts.netloc}"
        self.patience = patience
        self._client = httpx.Client(
            base_url=self.address,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            verify=ssl.create_default_context(cafile=certificate_file) if parts.scheme == "https" else True,
            timeout=httpx.Timeout(patience.answer_s, connect=patience.open_s),
            trust_env=False,
        )

    def wait_for(self, path: str) -> Mapping[str, Any]:
        """A JSON document. Asks again while nobody listens or the model is loading, within `open_s`."""
        for pause, last in tries(self.patience):
            try:
                answer = self._client.get(path, timeout=self.patience.open_s)
            except httpx.TransportError as error:
                if last:
                    raise self._unreachable(error) from None
                time.sleep(pause)
                continue
            if answer.status_code == 503 and not last:
                time.sleep(pause)
                continue
            self._check(answer)
            return self._json(answer)
        raise AssertionError("there is always a last try")

    def json(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        """The JSON answer to one request, sent once. content: as ``httpx.Client.request`` takes it."""
        return self._json(self._send(method, path, content))

    def bytes(self, path: str) -> bytes:
        """What lies at `path`."""
        return self._send("GET", path, {}).content

    @contextlib.contextmanager
    def events(self, path: str, body: Mapping[str, Any]) -> Iterator[Iterator[str]]:
        """The data of server-sent events that answer `body`. Leaving the block stops the server."""
        try:
            with self._client.stream("POST", path, json=body) as answer:
                if not answer.is_success:
                    answer.read()
                    self._check(answer)
                yield (line[5:].strip() for line in answer.iter_lines() if line.startswith("data:"))
        except httpx.TransportError as error:
            raise self._broken(error) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, method: str, path: str, content: Mapping[str, Any]) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **content)
        except httpx.TransportError as error:
            raise self._broken(error) from None
        self._check(answer)
        return answer

    def _json(self, answer: httpx.Response) -> Mapping[str, Any]:
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, Mapping):
            raise UsageError(
                f"{self.address} answered {answer.request.url.path} with no JSON map: is it the server that you mean?"
            )
        return found

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        status = answer.status_code
        message, code = _told(answer)
        if status in UNAUTHORIZED:
            raise UsageError(f"{self.address} refuses ({status}): {message} Give its key as api_key=... to connect.")
        if status in WRONG_USE:
            raise UsageError(f"{self.address} answered {answer.request.url.path} with {status}: {message}")
        retry = answer.headers.get("retry-after", "")
        raise ServerRefusal(
            f"{self.address} answered {status}: {message}",
            code or ("overloaded" if status in (429, 503) else "failed"),
            float(retry) if retry.isdecimal() else None,
        )

    def _broken(self, error: httpx.TransportError) -> ServerUnreachable:
        if isinstance(error, httpx.ConnectError):
            return self._unreachable(error)
        if isinstance(error, httpx.TimeoutException):
            return ServerUnreachable(f"{self.address} did not answer within {self.patience.answer_s:g} s.")
        return ServerUnreachable(f"{self.address} ended the connection before it answered ({type(error).__name__}).")

    def _unreachable(self, error: Exception) -> ServerUnreachable:
        return ServerUnreachable(
            f"No server answers at {self.address} ({type(error).__name__} for {self.patience.open_s:g} s): is it "
            "running, and are host and port right?"
        )


def _told(answer: httpx.Response) -> tuple[str, str]:
    """(the server's sentence, its code for programs) in the forms that vLLM, FastAPI and this software's server use."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:300] or answer.reason_phrase, ""
    body = body if isinstance(body, Mapping) else {"detail": body}
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        return str(error)[:300], ""
    message = error.get("message", error.get("detail", error))
    return str(message)[:500], str(error.get("code") or "") if not isinstance(error.get("code"), int) else ""
