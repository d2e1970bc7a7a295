"""Video jobs of another server: started, awaited, fetched, and never left behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cosmos_policy.client.connection import ServerRefusal, ServerUnreachable
from cosmos_policy.client.other_engines.endpoint import Endpoint
from cosmos_policy.errors import Failure, UsageError

logger = logging.getLogger(__name__)
PATH = "/v1/videos"
#: Between two looks at a job: a tenth of the time that it has taken so far, within these. Seconds.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
#: Codes of a failed job that mean wrong use, as this software's server and vLLM-Omni write them.
WRONG_USE = ("400", "422", "invalid_request", "BadRequestError", "ValueError")


@dataclass(frozen=True)
class Upload:
    """A file in a form. name: with the ending that tells its kind. data: its bytes. kind: its media type."""

    name: str
    data: bytes
    kind: str


class VideoJobs:
    """The jobs of one client. model: the name that the server gives its model."""

    def __init__(self, endpoint: Endpoint, model: str):
        self._endpoint, self._model = endpoint, model

    def start(self, fields: Mapping[str, Any], upload: Upload | None) -> str:
        """Queue one; returns its id. fields: of the form, as numbers and text."""
        form = {"model": self._model, **{name: str(value) for name, value in fields.items()}}
        content: dict[str, Any] = {"data": form}
        if upload is not None:
            content["files"] = {"input_reference": (upload.name, upload.data, upload.kind)}
        identity = self._endpoint.json("POST", PATH, **content).get("id")
        if not isinstance(identity, str) or not identity:
            raise Failure(f"{self._endpoint.address} queued a video job and did not tell its id.")
        return identity

    def finish(self, identity: str, until_s: float, tell: Callable[[int], None] | None = None) -> Mapping[str, Any]:
        """The finished job. until_s: on ``time.monotonic()``; later, it is given up. tell: takes its progress in
        percent, and stops it by raising. Raises :class:`ServerRefusal` where it fails or is too late."""
        started_s, progress = time.monotonic(), -1
        while True:
            job = self._look(identity, until_s)
            status, now = job.get("status"), time.monotonic()
            if status == "completed":
                return job
            if status not in ("queued", "in_progress"):
                raise self._failed(job)
            told = int(job.get("progress") or 0)
            if tell is not None and told > progress:
                progress = told
                tell(told)
            if now >= until_s:
                raise ServerRefusal(
                    f"{self._endpoint.address} did not finish within {now - started_s:.1f} s (its job is "
                    f"{status}, at {told} %): allow more time, or ask for less.",
                    "stale",
                )
            pause = min(max(0.1 * (now - started_s), SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
            time.sleep(max(0.0, min(pause, until_s - now)))

    def content(self, identity: str) -> bytes:
        """The finished job's MP4."""
        return self._endpoint.bytes(f"{PATH}/{identity}/content")

    def drop(self, identity: str) -> None:
        """Forget the job there, and stop it where it runs. What stays behind is told, and breaks nothing."""
        try:
            self._endpoint.json("DELETE", f"{PATH}/{identity}")
        except (Failure, UsageError) as error:
            logger.warning("The job %s stays at %s: %s", identity, self._endpoint.address, error)

    def _look(self, identity: str, until_s: float) -> Mapping[str, Any]:
        """The job as it is now; a look that breaks is taken again until `until_s`."""
        while True:
            try:
                return self._endpoint.json("GET", f"{PATH}/{identity}")
            except ServerUnreachable:
                if time.monotonic() + LONGEST_PAUSE_S >= until_s:
                    raise
                time.sleep(LONGEST_PAUSE_S)

    def _failed(self, job: Mapping[str, Any]) -> Exception:
        error = job.get("error") if isinstance(job.get("error"), Mapping) else {}
        code, message = str(error.get("code", "failed")), str(error.get("message", f"its job is {job.get('status')}"))
        sentence = f"{self._endpoint.address} could not answer: {message}"
        return UsageError(sentence) if code in WRONG_USE else ServerRefusal(sentence, code)
