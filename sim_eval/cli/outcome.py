"""What ``replay`` and ``demo`` share: run, say on stderr what has to be heard, and end an interruption well."""

from __future__ import annotations

import sys
from typing import Any

from cosmos_policy.errors import Failure
from sim_eval.replay.run import Outcome, replay
from sim_eval.replay.settings import ReplaySettings


def run_and_tell(settings: ReplaySettings, **options: Any) -> Outcome:
    """Run a replay with its progress and warnings on stderr; Ctrl-C becomes a sentence that says how to go on.

    options: further arguments of :func:`sim_eval.replay.run.replay`.
    """
    try:
        return replay(settings, say=_warn, **options)
    except KeyboardInterrupt:
        raise Failure(
            f"Interrupted; what was done is in {settings.output}, and the same command goes on from there."
        ) from None


def _warn(sentence: str) -> None:
    print(f"Warning: {sentence}", file=sys.stderr, flush=True)
