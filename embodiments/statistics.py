"""Statistics of action columns: what a normaliser needs to know about the data a checkpoint was trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from embodiments.errors import EmbodimentError

QUANTITIES = ("q01", "q99", "min", "max", "mean", "std")
_FOLDER = Path(__file__).parent / "data" / "statistics"


@dataclass(frozen=True, eq=False)
class Statistics:
    """Per-column numbers of unified actions in SI units, float64 [D] each; only what the source gives is there.

    `values` maps names from `QUANTITIES` to arrays, `source` says where they come from, `sha256` is the hash of the
    values (see `fingerprint`), the identity that a checkpoint can be asked to agree with.
    """

    name: str
    source: str
    values: Mapping[str, np.ndarray]
    sha256: str

    @property
    def width(self) -> int:
        """The number of columns, D."""
        return len(next(iter(self.values.values())))

    def get(self, quantity: str) -> np.ndarray:
        """The array of that quantity, float64 [D]; `EmbodimentError` if the source does not give it."""
        if quantity not in self.values:
            raise EmbodimentError(
                f"the statistics {self.name!r} have no {quantity!r}, only {', '.join(self.values)}; choose a "
                "normaliser that needs no more than these, or give statistics that hold it"
            )
        return self.values[quantity]

    def first(self, width: int) -> Statistics:
        """The statistics of the first `width` columns (UMI's file is bimanual; one arm uses its first ten)."""
        return make_statistics(self.name, self.source, {key: value[:width] for key, value in self.values.items()})


def make_statistics(name: str, source: str, values: Mapping[str, Iterable[float]]) -> Statistics:
    """Check the numbers (one width, finite, q01 <= q99, min <= max, std >= 0) and seal them: float64, read-only."""
    arrays = {}
    for quantity, numbers in values.items():
        if quantity not in QUANTITIES:
            raise EmbodimentError(
                f"statistics {name!r} hold the unknown quantity {quantity!r}; expected some of {', '.join(QUANTITIES)}"
            )
        array = np.array(numbers, dtype=np.float64)
        if array.ndim != 1 or not np.isfinite(array).all():
            raise EmbodimentError(
                f"{quantity!r} of the statistics {name!r} must be one list of finite numbers, one a column"
            )
        array.flags.writeable = False
        arrays[quantity] = array
    widths = {quantity: len(array) for quantity, array in arrays.items()}
    if len(set(widths.values())) != 1:
        raise EmbodimentError(f"statistics {name!r} must give every quantity for the same columns, but got {widths}")
    for low, high in (("q01", "q99"), ("min", "max")):
        if low in arrays and high in arrays and (arrays[low] > arrays[high]).any():
            column = int(np.argmax(arrays[low] > arrays[high]))
            raise EmbodimentError(
                f"column {column} of the statistics {name!r} has {low} = {arrays[low][column]:g} above "
                f"{high} = {arrays[high][column]:g}; expected {low} <= {high}"
            )
    if "std" in arrays and (arrays["std"] < 0.0).any():
        raise EmbodimentError(f"the statistics {name!r} have a negative std; expected numbers >= 0")
    return Statistics(name, source, arrays, fingerprint(arrays))


def fingerprint(values: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the values: compact JSON of lists of float64 numbers, quantities in alphabetical order."""
    canonical = {quantity: [float(number) for number in values[quantity]] for quantity in sorted(values)}
    return hashlib.sha256(json.dumps(canonical, separators=(",", ":")).encode()).hexdigest()


@cache
def shipped(name: str) -> Statistics:
    """The statistics in `data/statistics/<name>.json`, which came with a released checkpoint."""
    path = _FOLDER / f"{name}.json"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.json")))
        raise EmbodimentError(f"there are no shipped statistics {name!r}; there are {there}")
    return read(path)


def read(path: Path | str) -> Statistics:
    """Statistics from a JSON file {"name", "source", "sha256", "values": {"q01": [...], ...}}.

    The hash must agree with the values: numbers that were touched by hand are refused, not used.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EmbodimentError(f"cannot read the statistics file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise EmbodimentError(f"the statistics file {path} is no text; expected JSON") from None
    except json.JSONDecodeError as error:
        raise EmbodimentError(f"the statistics file {path} is no JSON (line {error.lineno}: {error.msg})") from None
    if not isinstance(content, dict) or not {"name", "source", "sha256", "values"} <= content.keys():
        raise EmbodimentError(
            f'the statistics file {path} must be a JSON object with "name", "source", "sha256" and "values" '
            '({"q01": [one number a column], "q99": [...]}); `cosmos-policy embodiments fit` writes such a file'
        )
    statistics = make_statistics(content["name"], content["source"], content["values"])
    if statistics.sha256 != content["sha256"]:
        raise EmbodimentError(
            f"the values in {path} do not belong to its sha256 (they hash to {statistics.sha256[:12]}..., the file "
            f"says {str(content['sha256'])[:12]}...); restore the file or fit the statistics anew"
        )
    return statistics


def write(statistics: Statistics, path: Path | str) -> None:
    """Write the file that `read` reads."""
    content = {
        "name": statistics.name,
        "source": statistics.source,
        "sha256": statistics.sha256,
        "values": {quantity: array.tolist() for quantity, array in statistics.values.items()},
    }
    Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
