"""How a world begins: a recorded frame, a picture of the caller's, or a frame that the model generates.

A kind of start is added by adding a file with a :class:`StartSource` and naming it where a universe is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from sim_eval.world_model.starts.base import Place, Start, StartSource
from sim_eval.world_model.starts.generated import GeneratedStart
from sim_eval.world_model.starts.given import GivenStart
from sim_eval.world_model.starts.recorded import RecordedStart

__all__ = ["GeneratedStart", "GivenStart", "Place", "RecordedStart", "Start", "StartSource", "Starts"]


class Starts:
    """Finds the start that the options of a ``reset`` ask for.

    sources: the kinds there are. default: options that are used where a ``reset`` names no start of its own.
    others: option names that are read elsewhere (rewards).
    """

    def __init__(
        self, sources: Sequence[StartSource], default: Mapping[str, Any] | None, others: Sequence[str] = ()
    ) -> None:
        self._sources = tuple(sources)
        self._default = default
        self._others = ("instruction", *others)

    def open(self, options: Mapping[str, Any] | None, place: Place, generator: np.random.Generator) -> Start:
        """The start; a ``UsageError`` in one sentence for options that name none, two, or something unknown."""
        asked = dict(options or {})
        known = dict.fromkeys([*(name for source in self._sources for name in source.options), *self._others])
        unknown = [name for name in asked if name not in known]
        if unknown:
            raise UsageError(f"reset has no option {unknown[0]!r}; it has {', '.join(known)}.")
        if not any(name in asked for source in self._sources for name in source.marks):
            asked = {**self._fallback(), **asked}
        wanted = [source for source in self._sources if any(name in asked for name in source.marks)]
        if len(wanted) > 1:
            marks = [name for source in wanted for name in source.marks if name in asked]
            raise UsageError(f"reset was given several starts at once ({', '.join(marks)}): give one of them.")
        source = wanted[0] if wanted else self._drawing()
        stray = [name for name in asked if name not in source.options and name not in self._others]
        if stray:
            raise UsageError(
                f"options[{stray[0]!r}] does not belong to this start, which reads {', '.join(source.options)}."
            )
        return source.open(asked, place, generator)

    def _fallback(self) -> Mapping[str, Any]:
        return self._default or {}

    def _drawing(self) -> StartSource:
        recorded = [source for source in self._sources if isinstance(source, RecordedStart)]
        if not recorded:
            raise UsageError(
                "reset does not know where to begin: make the environment with dataset=..., or with start={...}, or "
                "give options such as {'image': frame, 'state': {...}}."
            )
        return recorded[0]
