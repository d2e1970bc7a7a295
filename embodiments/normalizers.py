"""Maps between unified actions (SI units) and model space, column by column, and back.

Which one a checkpoint wants belongs to the checkpoint and the embodiment together; nothing here guesses it.

Formulas follow cosmos-framework at 5eee9ed, `action_normalization` ("function" below) and `action_processing`
("resolver"); golden/normaliser_edge_cases holds both in numbers. Arithmetic is float64 whatever comes in: several
shipped columns are nearly constant (AgiBot's head rotation spans 1e-6), where float32 rounding alone moves the
normalised value by more than the whole range.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from embodiments.errors import EmbodimentError
from embodiments.statistics import Statistics

# Spans and deviations are never divided by less than this (both sources).
_SMALLEST_SPAN = 1e-8
# LIBERO's server inverts with this floor instead.
_LIBERO_SMALLEST_SPAN = 1e-6
# quantile_rot_scale_floor: the scale also reaches a fifth of the farthest value seen.
_SCALE_FLOOR_SHARE = 5.0


class Normalizer(ABC):
    """One invertible map per column. `describe()` is the line that is printed when a checkpoint is loaded."""

    statistics: Statistics | None = None

    @property
    @abstractmethod
    def width(self) -> int | None:
        """The number of columns it is made for; None if it fits any."""

    @abstractmethod
    def describe(self) -> str:
        """One line: the kind, whether it clamps, and which statistics."""

    @abstractmethod
    def _forward(self, unified: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _inverse(self, model: np.ndarray) -> np.ndarray: ...

    def normalize(self, unified: np.ndarray) -> np.ndarray:
        """Model space from SI units, [..., D]; float32 in gives float32 out, everything else float64."""
        return self._apply(self._forward, unified, "unified")

    def denormalize(self, model: np.ndarray) -> np.ndarray:
        """SI units from model space, [..., D]; float32 in gives float32 out, everything else float64."""
        return self._apply(self._inverse, model, "model")

    def _apply(self, function, values: np.ndarray, what: str) -> np.ndarray:
        values = np.asarray(values)
        if self.width is not None and (values.ndim == 0 or values.shape[-1] != self.width):
            raise EmbodimentError(
                f"{what} actions must have shape [..., {self.width}] for this normaliser ({self.describe()}), "
                f"but their shape is {list(values.shape)}"
            )
        result = function(values.astype(np.float64))
        return result.astype(np.float32) if values.dtype == np.float32 else result


@dataclass(frozen=True, eq=False)
class AffineNormalizer(Normalizer):
    """(x - offset) / scale forward, clamped to [-1, 1] if `clamp`; y * inverse_scale + offset backward.

    `scale` is floored away from zero, `inverse_scale` is the true span in the function form (a constant column then
    inverts to its constant for every y) and equals `scale` in the resolver form. float64 [D] each.
    """

    kind: str
    offset: np.ndarray
    scale: np.ndarray
    inverse_scale: np.ndarray
    clamp: bool
    statistics: Statistics | None
    shift: float = field(default=0.0)

    @property
    def width(self) -> int:
        return len(self.offset)

    def describe(self) -> str:
        source = "" if self.statistics is None else f", statistics {self.statistics.name} {self.statistics.sha256[:12]}"
        return f"{self.kind}{', clamped to [-1, 1]' if self.clamp else ''}{source}"

    def _forward(self, unified: np.ndarray) -> np.ndarray:
        model = (unified - self.offset) / self.scale + self.shift
        return np.clip(model, -1.0, 1.0) if self.clamp else model

    def _inverse(self, model: np.ndarray) -> np.ndarray:
        return (model - self.shift) * self.inverse_scale + self.offset


@dataclass(frozen=True, eq=False)
class AsinhNormalizer(Normalizer):
    """The affine quantile map, then asinh, which keeps far values apart where a clamp would make them equal.

    z = (x - offset) / scale; "asinh_rot" gives asinh(z) / asinh(1); "piecewise_asinh_rot" gives z inside [-1, 1] and
    sign(z) (1 + asinh(|z| - 1)) outside. Both invert exactly.
    """

    kind: str
    affine: AffineNormalizer
    piecewise: bool

    @property
    def statistics(self) -> Statistics | None:  # type: ignore[override]
        return self.affine.statistics

    @property
    def width(self) -> int:
        return self.affine.width

    def describe(self) -> str:
        return self.affine.describe()

    def _forward(self, unified: np.ndarray) -> np.ndarray:
        z = self.affine._forward(unified)
        if not self.piecewise:
            return np.arcsinh(z) / np.arcsinh(1.0)
        beyond = np.maximum(np.abs(z) - 1.0, 0.0)
        return np.where(np.abs(z) <= 1.0, z, np.sign(z) * (1.0 + np.arcsinh(beyond)))

    def _inverse(self, model: np.ndarray) -> np.ndarray:
        if not self.piecewise:
            return self.affine._inverse(np.sinh(model * np.arcsinh(1.0)))
        beyond = np.maximum(np.abs(model) - 1.0, 0.0)
        return self.affine._inverse(np.where(np.abs(model) <= 1.0, model, np.sign(model) * (1.0 + np.sinh(beyond))))


@dataclass(frozen=True)
class Identity(Normalizer):
    """Model space is SI units. For checkpoints that were trained without normalisation, and only for those."""

    reason: str

    @property
    def width(self) -> None:
        return None

    def describe(self) -> str:
        return f"none ({self.reason})"

    def _forward(self, unified: np.ndarray) -> np.ndarray:
        return unified

    def _inverse(self, model: np.ndarray) -> np.ndarray:
        return model


@dataclass(frozen=True)
class Missing(Normalizer):
    """No statistics, no answer: says what is unknown and how to give it."""

    reason: str

    @property
    def width(self) -> None:
        return None

    def describe(self) -> str:
        return f"missing ({self.reason})"

    def _forward(self, unified: np.ndarray) -> np.ndarray:
        raise EmbodimentError(self._sentence())

    _inverse = _forward

    def _sentence(self) -> str:
        return (
            f"the normaliser is not known: {self.reason}; give one with `embodiment.with_normalizer(...)`, from "
            "statistics of the checkpoint's own data or from `cosmos-policy embodiments fit`"
        )


def quantile(statistics: Statistics, clamp: bool = False) -> AffineNormalizer:
    """2 (x - q01) / max(q99 - q01, 1e-8) - 1, function form: a column with q01 = q99 gives -1 and inverts to q01."""
    return _function("quantile", statistics, "q01", "q99", clamp, _SMALLEST_SPAN)


def minmax(statistics: Statistics, clamp: bool = False) -> AffineNormalizer:
    """The same with min and max."""
    return _function("minmax", statistics, "min", "max", clamp, _SMALLEST_SPAN)


def meanstd(statistics: Statistics) -> AffineNormalizer:
    """(x - mean) / max(std, 1e-8), inverse y std + mean, function form."""
    mean, std = statistics.get("mean"), statistics.get("std")
    return AffineNormalizer("meanstd", mean, np.maximum(std, _SMALLEST_SPAN), std, False, statistics)


def quantile_rot(statistics: Statistics, clamp: bool = False) -> AffineNormalizer:
    """(x - centre) / half span, resolver form: a column with q01 = q99 gives 0. In spite of the name every column is
    normalised, rotation or not."""
    return _resolver("quantile_rot", statistics, "q01", "q99", clamp)


def minmax_resolver(statistics: Statistics, clamp: bool = False) -> AffineNormalizer:
    """minmax in the resolver's form."""
    return _resolver("minmax_resolver", statistics, "min", "max", clamp)


def meanstd_resolver(statistics: Statistics) -> AffineNormalizer:
    """meanstd in the resolver's form: the inverse uses the floored deviation too."""
    scale = np.maximum(statistics.get("std"), _SMALLEST_SPAN)
    return AffineNormalizer("meanstd_resolver", statistics.get("mean"), scale, scale, False, statistics)


def quantile_rot_scale_floor(statistics: Statistics, clamp: bool = False) -> AffineNormalizer:
    """quantile_rot whose scale also reaches a fifth of the farthest value seen, max(|min - o|, |max - o|) / 5."""
    base = _resolver("quantile_rot_scale_floor", statistics, "q01", "q99", clamp)
    farthest = np.maximum(np.abs(statistics.get("min") - base.offset), np.abs(statistics.get("max") - base.offset))
    half_span = (statistics.get("q99") - statistics.get("q01")) / 2.0
    # Here the floor of 1e-8 is on the scale itself, not on the span as in `quantile_rot`.
    scale = np.maximum(np.maximum(half_span, farthest / _SCALE_FLOOR_SHARE), _SMALLEST_SPAN)
    return AffineNormalizer(base.kind, base.offset, scale, scale, clamp, statistics)


def asinh_rot(statistics: Statistics) -> AsinhNormalizer:
    """asinh((x - o) / s) / asinh(1) with the offset and scale of `quantile_rot`."""
    return AsinhNormalizer("asinh_rot", _resolver("asinh_rot", statistics, "q01", "q99", False), piecewise=False)


def piecewise_asinh_rot(statistics: Statistics) -> AsinhNormalizer:
    """`quantile_rot` inside its range, asinh beyond it."""
    affine = _resolver("piecewise_asinh_rot", statistics, "q01", "q99", False)
    return AsinhNormalizer("piecewise_asinh_rot", affine, piecewise=True)


def libero_server(statistics: Statistics, clamp: bool = False) -> AffineNormalizer:
    """`quantile` as LIBERO's closed-loop server inverts it: spans floored at 1e-6 both ways."""
    base = _function("libero_server", statistics, "q01", "q99", clamp, _LIBERO_SMALLEST_SPAN)
    return AffineNormalizer(base.kind, base.offset, base.scale, base.scale, clamp, statistics, base.shift)


def translation_scale(factor: float, width: int, columns: tuple[slice, ...]) -> AffineNormalizer:
    """The translation columns times `factor` (AV 1.35), all others as they are."""
    if not (np.isfinite(factor) and factor > 0.0):
        raise EmbodimentError(f"the translation scale must be a positive number, but it is {factor!r}")
    scale = np.ones(width)
    for column in columns:
        scale[column] = 1.0 / factor
    return AffineNormalizer(f"translation x{factor:g}", np.zeros(width), scale, scale, False, None)


FITTED = {
    function.__name__: function
    for function in (
        quantile,
        minmax,
        meanstd,
        quantile_rot,
        minmax_resolver,
        meanstd_resolver,
        quantile_rot_scale_floor,
        asinh_rot,
        piecewise_asinh_rot,
        libero_server,
    )
}
CLAMPING = ("quantile", "minmax", "quantile_rot", "minmax_resolver", "quantile_rot_scale_floor", "libero_server")


def make(kind: str, statistics: Statistics, clamp: bool = False) -> Normalizer:
    """The normaliser of that kind (`FITTED`), from statistics."""
    if kind not in FITTED:
        raise EmbodimentError(f"unknown normaliser {kind!r}; expected one of {', '.join(FITTED)}")
    if clamp and kind not in CLAMPING:
        raise EmbodimentError(f"the normaliser {kind!r} does not clamp; only {', '.join(CLAMPING)} can")
    return FITTED[kind](statistics, clamp=True) if clamp else FITTED[kind](statistics)


def _function(
    kind: str, statistics: Statistics, low: str, high: str, clamp: bool, smallest_span: float
) -> AffineNormalizer:
    bottom, span = statistics.get(low), statistics.get(high) - statistics.get(low)
    scale = np.maximum(span, smallest_span) / 2.0
    return AffineNormalizer(kind, bottom, scale, span / 2.0, clamp, statistics, shift=-1.0)


def _resolver(kind: str, statistics: Statistics, low: str, high: str, clamp: bool) -> AffineNormalizer:
    bottom, top = statistics.get(low), statistics.get(high)
    scale = np.maximum(top - bottom, _SMALLEST_SPAN) / 2.0
    return AffineNormalizer(kind, (bottom + top) / 2.0, scale, scale, clamp, statistics)
