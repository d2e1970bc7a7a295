"""Camera buffers to RGB: every encoding, padded rows, and everything that is no image."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_nodes.observing import SampleRefused, decode_compressed, decode_image
from ros2_nodes.reasons import Reason

TO_WIRE = {
    "rgb8": lambda rgb: rgb,
    "bgr8": lambda rgb: rgb[..., ::-1],
    "rgba8": lambda rgb: np.concatenate([rgb, rgb[..., :1] ^ 255], axis=-1),
    "bgra8": lambda rgb: np.concatenate([rgb[..., ::-1], rgb[..., :1] ^ 255], axis=-1),
    "mono8": lambda rgb: rgb[..., :1],
}


@given(
    st.sampled_from(list(TO_WIRE)),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 13),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_every_encoding_comes_back_whatever_its_padding(encoding, height, width, padding, last_padded, bigendian, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    wire = TO_WIRE[encoding](rgb).reshape(height, -1)
    step = wire.shape[1] + padding
    buffer = np.full((height, step), 77, np.uint8)
    buffer[:, : wire.shape[1]] = wire
    data = buffer.reshape(-1)
    data = data if last_padded else data[: data.size - padding]
    image = decode_image(encoding, height, width, step, data, bigendian)
    expected = np.repeat(rgb[..., :1], 3, axis=-1) if encoding == "mono8" else rgb
    assert np.array_equal(image, expected) and image.dtype == np.uint8
    assert image.flags.c_contiguous and not np.shares_memory(image, data)


def test_bytes_and_arrays_are_taken():
    from array import array

    for data in (bytes(range(12)), array("B", range(12)), np.arange(12, dtype=np.uint8)):
        assert np.array_equal(decode_image("rgb8", 2, 2, 6, data), np.arange(12).reshape(2, 2, 3))


@pytest.mark.parametrize(
    ("arguments", "reason", "words"),
    [
        (("16UC1", 2, 2, 4, bytes(8)), Reason.WRONG_ENCODING, "known are rgb8"),
        (("rgb8", 2, 2, 5, bytes(10)), Reason.UNREADABLE, "takes 6 bytes, but step is 5"),
        (("rgb8", 2, 2, 6, bytes(11)), Reason.UNREADABLE, "11 bytes; 2 rows of 6 bytes are 12"),
        (("rgb8", 2, 2, 6, bytes(13)), Reason.UNREADABLE, "13 bytes"),
        (("rgb8", 0, 2, 6, b""), Reason.UNREADABLE, "bytes"),
    ],
)
def test_what_is_no_image_is_refused(arguments, reason, words):
    with pytest.raises(SampleRefused) as refused:
        decode_image(*arguments)
    assert refused.value.cause.reason is reason and words in refused.value.cause.detail


def picture(kind: str) -> tuple[np.ndarray, bytes]:
    from PIL import Image

    rows, columns = np.mgrid[0:40, 0:60]
    rgb = np.stack([rows * 5, columns * 4, rows + columns], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return rgb, file.getvalue()


@pytest.mark.parametrize(("kind", "error"), [("PNG", 0), ("JPEG", 12)])
def test_compressed_images_come_back_in_rgb(kind, error):
    pytest.importorskip("PIL", reason="the extra 'ros2' is not installed")
    rgb, data = picture(kind)
    image = decode_compressed(data)
    assert image.shape == rgb.shape and image.dtype == np.uint8
    assert np.abs(image.astype(int) - rgb).max() <= error


@pytest.mark.parametrize(
    "spoil", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"GIF89a" + data]
)
def test_broken_files_are_refused(spoil):
    pytest.importorskip("PIL", reason="the extra 'ros2' is not installed")
    with pytest.raises(SampleRefused) as refused:
        decode_compressed(spoil(picture("JPEG")[1]))
    assert refused.value.cause.reason is Reason.UNREADABLE
