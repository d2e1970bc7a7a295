"""Pictures and videos go out and come back; what is none is told so."""

import numpy as np
import pytest
from PIL import Image

from cosmos_policy.errors import UsageError
from cosmos_policy.media import read_image, read_video, write_video


def moving_gradient(count: int, height: int, width: int) -> np.ndarray:
    row = np.linspace(0, 255, width)
    frames = [np.broadcast_to(np.roll(row, 4 * step)[None, :, None], (height, width, 3)) for step in range(count)]
    return np.stack(frames).astype(np.uint8)


def test_a_video_comes_back_nearly_as_it_went(tmp_path):
    frames = moving_gradient(9, 48, 65)
    write_video(tmp_path / "deep" / "out.mp4", frames, fps=15)
    back, fps = read_video(tmp_path / "deep" / "out.mp4")
    assert fps == pytest.approx(15)
    assert back.shape == (9, 48, 64, 3)
    assert np.abs(back.astype(int) - frames[:, :, :64]).mean() < 4
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out.mp4"]
    assert len(read_video(tmp_path / "deep" / "out.mp4", max_frames=3)[0]) == 3


def test_a_picture_is_rgb_whatever_it_was(tmp_path):
    Image.fromarray(np.full((4, 6), 7, np.uint8)).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.full((4, 6, 3), 7))


@pytest.mark.parametrize("read", [read_image, read_video])
def test_what_is_missing_or_something_else_is_told_so(tmp_path, read):
    with pytest.raises(UsageError, match="There is no"):
        read(tmp_path / "none")
    (tmp_path / "text.mp4").write_text("words, not pictures")
    with pytest.raises(UsageError, match="cannot be read as a"):
        read(tmp_path / "text.mp4")
