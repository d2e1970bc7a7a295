"""Encoded pictures to arrays, and back."""

from __future__ import annotations

import base64
import binascii
import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from cosmos_policy.server.errors import Invalid, TooLarge
from cosmos_policy.server.settings import Limits

FORMATS = ("PNG", "JPEG", "WEBP")


def decode_image(data: bytes, name: str, limits: Limits) -> np.ndarray:
    """uint8 [H, W, 3], RGB, from a PNG, JPEG or WebP picture.

    The size is read from the header and checked before any pixel is decoded.
    """
    if len(data) > limits.image_bytes:
        raise TooLarge(f"{name} has {len(data)} bytes; a picture may have at most {limits.image_bytes}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is the stricter one
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = picture.size
        if width * height > limits.image_pixels:
            raise TooLarge(f"{name} is {width}x{height} pixels; at most {limits.image_pixels} pixels are taken.")
        if width == 0 or height == 0:
            raise Invalid(f"{name} has no pixels.")
        return np.asarray(picture.convert("RGB"))
    except Image.DecompressionBombError:
        raise TooLarge(f"{name} would have too many pixels; at most {limits.image_pixels} are taken.") from None
    except UnidentifiedImageError:
        raise Invalid(f"{name} is no picture that is known here; expected one of {', '.join(FORMATS)}.") from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError) as error:
        raise Invalid(f"{name} is a damaged picture: {str(error)[:100]}.") from None


def decode_base64(text: str, name: str) -> bytes:
    """The bytes in `text`: base64, bare or as a ``data:`` URL."""
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise Invalid(f'{name} is not a base64 data URL; expected "data:image/png;base64,...".')
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"{name} is not base64.") from None


def encode_png(frame: np.ndarray) -> bytes:
    """A PNG of uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
