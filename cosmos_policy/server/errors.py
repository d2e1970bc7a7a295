"""The ways in which a request ends without an answer. Each has an HTTP status, a code, and one sentence."""

from __future__ import annotations

from cosmos_policy.errors import Failure


class Refusal(Exception):
    """A request that gets no answer. `status` is HTTP's, `code` is for programs, the message for people.

    retry_after_s: when it is worth asking again; None where asking again would not help.
    """

    status = 400
    code = "invalid_request"

    def __init__(self, message: str, *, retry_after_s: float | None = None):
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Invalid(Refusal):
    """The request does not fit: the sentence says what was wrong and what was expected."""


class Unauthorized(Refusal):
    status, code = 401, "unauthorized"


class Forbidden(Refusal):
    status, code = 403, "forbidden"


class NotFound(Refusal):
    status, code = 404, "not_found"


class Superseded(Refusal):
    """A newer observation of the same session took its place in the queue."""

    status, code = 409, "superseded"


class Abandoned(Refusal):
    """Stopped on the way, because nobody waits for it any more."""

    status, code = 409, "abandoned"


class NotYet(Refusal):
    """The job exists, but what was asked of it is not there (yet)."""

    status, code = 409, "not_ready"


class TooLarge(Refusal):
    status, code = 413, "too_large"


class WrongMediaType(Refusal):
    status, code = 415, "unsupported_media_type"


class NotLoaded(Refusal):
    """A mode that this server does not have."""

    status, code = 501, "not_loaded"


class Overloaded(Refusal):
    status, code = 503, "overloaded"


class NotReady(Refusal):
    status, code = 503, "not_ready"


class WorkerLost(Refusal):
    """The process that computed this request ended before it answered."""

    status, code = 503, "worker_lost"


class Stale(Refusal):
    """Too old to be of use, or certain to be when it were answered."""

    status, code = 504, "stale"


class ModelFailed(Refusal):
    """The model could not answer a request that was right."""

    status, code = 502, "model_failed"


class StartFailed(Failure):
    """The worker could not load its model; `usage` where the operator asked for something that cannot be."""

    def __init__(self, message: str, usage: bool):
        super().__init__(message)
        self.usage = usage
