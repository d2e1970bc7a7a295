"""Pictures, clips, files and URLs from strangers."""

import base64
import io
import os
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer

import av
import numpy as np
import pytest
from PIL import Image

from cosmos_policy.media.mp4 import SOUND_RATE_HZ
from cosmos_policy.server.errors import Forbidden, Invalid, Refusal, TooLarge
from cosmos_policy.server.media.clips import decode_clip, encode_mp4
from cosmos_policy.server.media.images import decode_base64, decode_image, encode_png
from cosmos_policy.server.media.references import read_local_file, read_reference
from cosmos_policy.server.settings import Limits, Security

LIMITS = Limits(image_pixels=100_000, image_bytes=200_000, frames=20)


def png_header(width, height):
    """A PNG that announces a size and holds a few bytes of it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_a_png_comes_back_exactly():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_image(encode_png(image), "x", LIMITS), image)


def test_grey_palette_and_alpha_pictures_become_rgb():
    for mode in ("L", "P", "RGBA", "LA", "1"):
        buffer = io.BytesIO()
        Image.new(mode, (8, 6)).save(buffer, format="PNG")
        assert decode_image(buffer.getvalue(), "x", LIMITS).shape == (6, 8, 3)


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (400, 400)])
def test_a_picture_that_announces_too_many_pixels_is_refused_before_it_is_decoded(size):
    with pytest.raises(TooLarge):
        decode_image(png_header(*size), "x", LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        png_header(20, 20)[:60],
        png_header(50, 50),
        b"GIF89a" + bytes(50),
        b"\x00" * 1000,
        png_header(0, 9),
    ],
    ids=["empty", "text", "cut", "short of rows", "gif", "zeros", "no columns"],
)
def test_what_is_no_picture_is_told_so(data):
    with pytest.raises(Refusal):
        decode_image(data, "x", LIMITS)


def test_too_many_bytes_and_bad_base64_are_refused():
    with pytest.raises(TooLarge):
        decode_image(bytes(200_001), "x", LIMITS)
    for text in ("%%%", "data:image/png,abc", "data:image/png;base64", "ä"):
        with pytest.raises(Invalid):
            decode_base64(text, "x")
    assert decode_base64("data:image/png;base64,aGk=", "x") == b"hi"


def moving(count=9, height=64, width=96):
    rows = np.linspace(0, 200, height)[:, None, None] + np.zeros((1, width, 3))
    return np.stack([np.roll(rows, 3 * step, axis=0) for step in range(count)]).astype(np.uint8)


def test_mp4_is_h264_at_the_right_rate_and_looks_like_what_went_in():
    frames = moving()
    data = encode_mp4(frames, 15.0)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate, stream.frames) == ("h264", 15, 9)
        assert stream.codec_context.pix_fmt == "yuv420p"
    back = decode_clip(data, "x", LIMITS)
    assert back.shape == frames.shape
    assert np.abs(back.astype(int) - frames).mean() < 4


def test_sound_is_aac_stereo_at_48_khz_and_as_long_as_the_video():
    frames = moving(count=30)
    seconds = np.arange(2 * SOUND_RATE_HZ) / SOUND_RATE_HZ
    sound = np.stack([np.sin(2 * np.pi * 440 * seconds), np.sin(2 * np.pi * 880 * seconds)]).astype(np.float32)
    with av.open(io.BytesIO(encode_mp4(frames, 15.0, sound))) as container:
        audio, video = container.streams.audio[0], container.streams.video[0]
        assert (audio.codec_context.name, audio.rate, audio.codec_context.layout.name) == ("aac", 48_000, "stereo")
        assert abs(float(audio.duration * audio.time_base) - float(video.duration * video.time_base)) < 0.03
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio)], axis=1)
    spectrum = np.abs(np.fft.rfft(heard[:, 4800:52800], axis=1))
    assert spectrum.argmax(axis=1).tolist() == [440, 880]


def test_odd_sizes_lose_a_row_and_a_column():
    assert decode_clip(encode_mp4(moving(height=33, width=47), 5.0), "x", LIMITS).shape[1:3] == (32, 46)


def test_clips_that_are_too_long_too_large_or_none_are_refused():
    with pytest.raises(TooLarge):
        decode_clip(encode_mp4(moving(count=21), 15.0), "x", LIMITS)
    with pytest.raises(TooLarge):
        decode_clip(encode_mp4(moving(count=2, height=400, width=400), 15.0), "x", LIMITS)
    for data in (b"", b"no video", encode_mp4(moving(), 15.0)[:300], encode_png(moving()[0])[:20]):
        with pytest.raises(Refusal):
            decode_clip(data, "x", LIMITS)


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "media"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "a.json").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "folder_link").symlink_to(tmp_path)
    (inside / "good_link").symlink_to(inside / "sub" / "a.json")
    os.mkfifo(inside / "pipe")
    (tmp_path / "media-other").mkdir()
    (tmp_path / "media-other" / "b").write_text("outside")
    return Security(media_folder=inside, fetch_bytes=1000)


@pytest.mark.parametrize("path", ["sub/a.json", "./sub/../sub/a.json", "good_link"])
def test_files_under_the_allowed_folder_are_read(folder, path):
    assert read_local_file(path, "x", folder) == b"inside"
    assert read_reference(f"file://{folder.media_folder}/{path}", "x", folder) == b"inside"


@pytest.mark.parametrize(
    "path",
    ["../secret", "link", "folder_link/secret", "sub/../../secret", "/etc/passwd", "../media-other/b", "sub", "", ".",
     "pipe", "none", "a\0b", "x" * 5000, "/proc/self/environ"],
)  # fmt: skip
def test_files_outside_of_it_are_not(folder, path):
    with pytest.raises(Forbidden, match="not a readable file under the folder"):
        read_local_file(path, "x", folder)


def test_without_an_allowed_folder_no_file_is_read(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(Forbidden, match="allowed-local-media-path"):
        read_reference(f"file://{tmp_path}/a", "x", Security())
    with pytest.raises(Invalid, match="another host"):
        read_reference("file://elsewhere/a", "x", Security(media_folder=tmp_path))


def test_a_file_that_is_too_large_is_not_read(folder):
    (folder.media_folder / "large").write_bytes(bytes(1001))
    with pytest.raises(TooLarge):
        read_local_file("large", "x", folder)


class Site(BaseHTTPRequestHandler):
    """A small web site: /ok, /large, /redirect?to, /slow."""

    def do_GET(self):
        if self.path.startswith("/redirect"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
            return
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        body = b"x" * 5000 if self.path == "/large" else f"host {self.headers['Host']}".encode()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    server = HTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


OPEN = Security(allow_private_urls=True, fetch_bytes=1000, fetch_s=3.0)


def test_a_url_is_fetched_with_its_own_host_name(site):
    assert read_reference(f"http://localhost:{site}/ok", "x", OPEN) == f"host localhost:{site}".encode()
    assert read_reference(f"http://localhost:{site}/redirect?/ok", "x", OPEN).startswith(b"host localhost")


def test_what_is_large_missing_or_runs_in_circles_is_refused(site):
    with pytest.raises(TooLarge):
        read_reference(f"http://localhost:{site}/large", "x", OPEN)
    with pytest.raises(Invalid, match="answered 404"):
        read_reference(f"http://localhost:{site}/missing", "x", OPEN)
    with pytest.raises(Invalid, match="redirected more than"):
        read_reference(f"http://localhost:{site}/redirect?/redirect?/redirect?/redirect?/redirect?/ok", "x", OPEN)
    with pytest.raises(Invalid, match="could not be fetched"):
        read_reference("http://localhost:1/", "x", OPEN)
    with pytest.raises(Invalid):
        read_reference(f"http://localhost:{site}/redirect?file:///etc/passwd", "x", OPEN)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "2130706433",
     "0x7f.1", "[::ffff:127.0.0.1]", "[fe80::1]", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_never_fetched_from(host):
    with pytest.raises(Forbidden, match="private address"):
        read_reference(f"http://{host}:9/", "x", Security(fetch_s=1.0))


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "gopher://x", "http://user:pass@host/", "http://", "http://[bad", "javascript:1", "", "x:y",
            "http://host:99999/", "data:text/plain,hi"]
)  # fmt: skip
def test_other_urls_are_refused(url):
    with pytest.raises(Refusal):
        read_reference(url, "x", Security(fetch_s=1.0))


def test_a_data_url_is_its_own_content():
    text = "data:application/octet-stream;base64," + base64.b64encode(b"abc").decode()
    assert read_reference(text, "x", Security()) == b"abc"


def test_a_name_that_is_never_found_is_not_waited_for(monkeypatch):
    release = threading.Event()

    def hang(*_, **__):
        release.wait(30)
        return []

    monkeypatch.setattr("cosmos_policy.server.media.names.socket.getaddrinfo", hang)
    with pytest.raises(Invalid, match="its host was not found within"):
        read_reference("http://slow.example/x.png", "x", Security(fetch_s=0.3))
    release.set()
