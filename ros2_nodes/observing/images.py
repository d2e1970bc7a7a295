"""From the bytes of a camera message to RGB."""

from __future__ import annotations

import io

import numpy as np

from cosmos_policy.errors import Failure
from ros2_nodes.observing.refusal import SampleRefused
from ros2_nodes.reasons import Reason

#: Encoding (sensor_msgs/image_encodings) -> bytes a pixel, and which of them are red, green, blue.
_CHANNELS = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
}
_COMPRESSED = ("JPEG", "PNG")


def decode_image(
    encoding: str, height: int, width: int, step: int, data: np.ndarray | bytes, is_bigendian: bool = False
) -> np.ndarray:
    """uint8 [height, width, 3], RGB, a copy of its own, from a raw image's buffer.

    step: bytes a row, padding included. is_bigendian: means nothing for channels of one byte, which all of these are;
    wider encodings are refused whatever it says. Raises :class:`SampleRefused`.
    """
    if encoding not in _CHANNELS:
        raise SampleRefused(
            Reason.WRONG_ENCODING, f"the image is encoded as {encoding!r}; known are {', '.join(_CHANNELS)}"
        )
    depth, order = _CHANNELS[encoding]
    if height < 1 or width < 1 or step < width * depth:
        raise SampleRefused(
            Reason.UNREADABLE, f"a row of {width} pixels in {encoding} takes {width * depth} bytes, but step is {step}"
        )
    buffer = np.frombuffer(data, np.uint8)
    # The last row may come without its padding.
    if buffer.size < (height - 1) * step + width * depth or buffer.size > height * step:
        raise SampleRefused(
            Reason.UNREADABLE, f"the image has {buffer.size} bytes; {height} rows of {step} bytes are {height * step}"
        )
    rows = np.lib.stride_tricks.as_strided(buffer, (height, width, depth), (step, depth, 1), writeable=False)
    return np.ascontiguousarray(rows[..., list(order)]) if order != (0, 1, 2) else rows[..., :3].copy()


def decode_compressed(data: bytes) -> np.ndarray:
    """uint8 [height, width, 3], RGB, from a JPEG or PNG file. Raises :class:`SampleRefused`."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise Failure(
            "compressed images need pillow, which is not installed: pip install cosmos-policy[ros2]"
        ) from None
    try:
        with Image.open(io.BytesIO(data), formats=_COMPRESSED) as image:
            return np.array(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SampleRefused(
            Reason.UNREADABLE, f"the compressed image is no whole JPEG or PNG ({type(error).__name__})"
        ) from None
