"""msgpack with numpy arrays, in the form of the openpi wire.

An array is ``{b"__ndarray__": True, b"data": bytes, b"dtype": str, b"shape": [..]}``, a numpy scalar
``{b"__npgeneric__": True, b"data": number, b"dtype": str}``. Only booleans, integers and floats travel: object, void,
complex, string and date dtypes are refused on both sides, and nothing is ever unpickled.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from cosmos_policy.errors import UsageError

MAX_RANK = 6
MAX_AXIS = 1_000_000
#: A container announces its length before its items: this bounds what a short hostile message can make us allocate.
MAX_ITEMS = 4096
#: A picture or clip may be a data: URL; every field has a limit of its own.
MAX_TEXT_BYTES = 48 * 2**20
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


class WireError(UsageError):
    """A message that cannot be read, or a value that may not travel."""


def packb(message: Any) -> bytes:
    """`message` (maps, lists, strings, numbers, numpy arrays) as msgpack bytes. Raises :class:`WireError`."""
    return packed(message, pack_value)


def packed(message: Any, pack: Callable[[Any], Any]) -> bytes:
    """`message` as msgpack bytes; `pack` says what stands for a value that msgpack does not know."""
    try:
        return msgpack.packb(message, default=pack, use_bin_type=True)
    except WireError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"The message cannot be packed: {error}.") from None


def unpackb(data: bytes | memoryview, special: Callable[[dict], Any] | None = None) -> Any:
    """The message in `data`; its arrays are read-only. Raises :class:`WireError` in one sentence.

    special: looks at every map first, and returns what it stands for, or None.
    """

    def unpack(value: dict) -> Any:
        found = None if special is None else special(value)
        return _unpack_numpy(value) if found is None else found

    try:
        return msgpack.unpackb(
            data,
            object_hook=unpack,
            raw=False,
            strict_map_key=True,
            max_ext_len=0,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            max_str_len=MAX_TEXT_BYTES,
        )
    except WireError:
        raise
    except UnicodeDecodeError:
        raise WireError("The message holds text that is not UTF-8.") from None
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError, OverflowError) as error:
        raise WireError(
            f"The message is not msgpack that this wire knows: {str(error)[:200] or 'truncated'}."
        ) from None


def check_dtype(name: Any) -> np.dtype:
    """The numpy dtype of that name ("<f4", "|u1", ...), if it may travel."""
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        shown = name[:40] if isinstance(name, str) else type(name).__name__
        raise WireError(
            f"An array has dtype {shown!r}; only booleans, integers of 1 to 8 bytes and floats of 2 to 8 bytes travel, "
            'named as numpy does ("|u1", "<f4").'
        )
    return np.dtype(name)


def array_from_bytes(data: Any, dtype: Any, shape: Any) -> np.ndarray:
    """A read-only array over `data`, after every check that keeps a hostile header harmless."""
    kind = check_dtype(dtype)
    if not isinstance(shape, (list, tuple)) or len(shape) > MAX_RANK:
        raise WireError(f"An array's shape must be a list of at most {MAX_RANK} sizes.")
    if any(isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MAX_AXIS for size in shape):
        raise WireError(f"An array's shape must hold whole numbers from 0 to {MAX_AXIS}.")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise WireError(f"An array's data must be bytes, not {type(data).__name__}.")
    expected = math.prod(shape) * kind.itemsize
    if len(data) != expected:
        raise WireError(
            f"An array of shape {list(shape)} and dtype {kind.str} takes {expected} bytes, but {len(data)} came."
        )
    return np.frombuffer(data, dtype=kind).reshape(shape)


def pack_value(value: Any) -> Any:
    """A numpy array or scalar as the map that stands for it. Raises :class:`WireError` for anything else."""
    if isinstance(value, np.ndarray):
        check_dtype(value.dtype.str)
        flat = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        return {b"__ndarray__": True, b"data": flat.data, b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic):
        check_dtype(value.dtype.str)
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise WireError(f"A {type(value).__name__} cannot travel; expected numbers, text, lists, maps and numpy arrays.")


def _unpack_numpy(value: dict) -> Any:
    if b"__ndarray__" in value:
        return array_from_bytes(value.get(b"data"), value.get(b"dtype"), value.get(b"shape"))
    if b"__npgeneric__" in value:
        kind, number = check_dtype(value.get(b"dtype")), value.get(b"data")
        if isinstance(number, bytes) and len(number) == kind.itemsize:
            return np.frombuffer(number, dtype=kind)[0]
        if not isinstance(number, (bool, int, float)):
            raise WireError(f"A numpy scalar's data must be a number, not {type(number).__name__}.")
        return kind.type(number)
    return value
