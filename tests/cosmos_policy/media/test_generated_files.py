"""Generated media come back from their files: pixels, sound in step with them, and how they were made."""

import av
import numpy as np
import pytest
from PIL import Image

from cosmos_policy.errors import UsageError
from cosmos_policy.media import encode_media, read_image, read_settings, read_video, write_media
from cosmos_policy.types import Media, Sampling

INFO = {"prompt": 'a "cup" on ünï table', "seed": 3, "sampling": Sampling(4, 3.0, 10.0), "size": "64x48"}


def make_media(frames: int, fps: float, click_s: float | None = None) -> Media:
    """Black pictures, of which those after `click_s` are white; the sound sets in with them."""
    pictures = np.zeros((frames, 48, 64, 3), np.uint8)
    if click_s is None:
        return Media(pictures, fps, info=INFO)
    samples = round(frames / fps * 48_000)
    pictures[round(click_s * fps) :] = 255
    times = np.arange(samples) / 48_000
    tone = np.where(times >= click_s, np.sin(2 * np.pi * 1000 * (times - click_s)), 0).astype(np.float32)
    return Media(pictures, fps, np.stack([tone, -0.5 * tone]), info=INFO)


@pytest.mark.parametrize(("frames", "fps"), [(5, 24), (189, 24), (31, 30), (9, 16), (6, 10)])
def test_sound_is_as_long_as_the_pictures_and_sets_in_with_them(tmp_path, frames, fps):
    click_s = 3 / fps
    write_media(tmp_path / "out.mp4", make_media(frames, fps, click_s))
    with av.open(str(tmp_path / "out.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (audio.rate, audio.layout.name) == (48_000, "stereo")
        lengths = [float(stream.duration * stream.time_base) for stream in (video, audio)]
        assert lengths == pytest.approx([frames / fps] * 2, abs=1e-3)
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio)], axis=1)
    first = np.argmax(np.abs(heard[0]) > 0.3)
    assert first / 48_000 == pytest.approx(click_s, abs=0.003)
    stretch = heard[:, first : first + 2000]
    assert np.corrcoef(stretch)[0, 1] < -0.99  # two channels, and the right ones
    assert np.abs(stretch[1]).max() == pytest.approx(0.5, abs=0.1)
    seen, rate = read_video(tmp_path / "out.mp4")
    assert (len(seen), rate) == (frames, fps)
    assert np.argmax(seen.mean(axis=(1, 2, 3)) > 128) == 3


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.mp4"])
def test_a_file_says_how_it_was_made(tmp_path, name):
    media = make_media(5 if name.endswith("mp4") else 1, 24)
    write_media(tmp_path / "new" / name, media)
    settings = read_settings(tmp_path / "new" / name)
    assert settings["prompt"] == INFO["prompt"]
    assert settings["sampling"] == {"num_inference_steps": 4, "guidance_scale": 3.0, "flow_shift": 10.0}
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_png_holds_the_pixels_to_the_last_bit(tmp_path):
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    write_media(tmp_path / "a.png", Media(frame[None], 24, info=INFO))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), frame)
    assert encode_media(Media(frame[None], 24, info=INFO), "PNG") == (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize(("frames", "name"), [(1, "a.mp4"), (5, "a.png"), (5, "a"), (5, "a.gif")])
def test_an_ending_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path, frames, name):
    with pytest.raises(UsageError, match=r"expected a file that ends in \.(png|mp4)"):
        write_media(tmp_path / name, make_media(frames, 24))
    assert not list(tmp_path.iterdir())


def test_a_file_that_fails_half_way_leaves_nothing(tmp_path):
    broken = Media(np.zeros((5, 48, 64, 3), np.uint8), 24, np.zeros((3, 10_000), np.float32), info=INFO)
    with pytest.raises(ValueError, match="shape"):
        write_media(tmp_path / "a.mp4", broken)
    assert not list(tmp_path.iterdir())


def test_a_file_of_somebody_else_says_nothing(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    for path, words in ((tmp_path / "a.png", "does not say"), (tmp_path / "none.png", "There is no file")):
        with pytest.raises(UsageError, match=words):
            read_settings(path)
