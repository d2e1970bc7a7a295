"""The two ways a call ends badly: the caller asked for something wrong, or something broke.

The command line turns a :class:`UsageError` into exit code 2 and a :class:`Failure` into exit code 1, each with its
one sentence on stderr. ``embodiments.EmbodimentError`` is a ``ValueError`` too and counts as wrong use.
"""


class UsageError(ValueError):
    """The request cannot be served as it was put: the message says what was wrong, what was expected, and the cure."""


class Failure(RuntimeError):
    """The request was right, and something outside it broke: a file, the network, the device."""


class DeviceLost(Failure):
    """What this process computes on cannot be used by it any more: the model must be loaded again, in another one."""


class Cancelled(Exception):
    """Nobody waits for the answer any more. Raised inside a long call where it tells of its progress; let it pass."""
