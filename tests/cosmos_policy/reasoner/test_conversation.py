"""Messages and what they point to: every way to show a picture or a video, and what is refused."""

import base64
import io
import threading
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.media import read_video
from cosmos_policy.reasoner.clips import Clip, Looking, decode_clip, take
from cosmos_policy.reasoner.conversation import as_messages, read_conversation
from cosmos_policy.reasoner.sources import read_inline, read_source

LOOKING = Looking()


def read(*parts, looking=LOOKING, reader=read_source):
    return read_conversation([{"role": "user", "content": list(parts)}], looking, reader)[0].parts


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def site(tmp_path, picture, film):
    """The address of a small web server with a picture, a video, and nothing else."""
    (tmp_path / "picture.png").write_bytes(png(picture))
    (tmp_path / "film.mp4").write_bytes(film.read_bytes())

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_way_to_show_a_picture(picture, tmp_path, site):
    path = tmp_path / "a b.png"
    path.write_bytes(png(picture))
    inline = "data:image/png;base64," + base64.b64encode(png(picture)).decode()
    sources = [picture, path, str(path), path.as_uri(), inline, f"{site}/picture.png", Image.fromarray(picture)]
    for source in sources:
        assert np.array_equal(read({"type": "image", "image": source})[0], picture)
    for part in ({"type": "image_url", "image_url": {"url": inline}}, {"type": "image", "path": str(path)}):
        assert np.array_equal(read(part)[0], picture)


def test_a_picture_is_turned_upright(tmp_path, picture):
    sideways = Image.fromarray(np.rot90(picture))
    facts = sideways.getexif()
    facts[0x0112] = 6  # turned a quarter
    sideways.save(tmp_path / "sideways.png", exif=facts)
    assert np.array_equal(read({"type": "image", "image": tmp_path / "sideways.png"})[0], picture)


def test_a_video_is_sampled_by_time(film, site):
    frames, rate = read_video(film)
    whole = read({"type": "video", "video": film}, looking=Looking(fps=None))[0]
    assert np.array_equal(whole.frames, frames) and (whole.fps, whole.duration_s) == (15.0, 3.0)
    assert np.allclose(whole.times_s, np.arange(45) / rate)
    two_a_second = read({"type": "video_url", "video_url": {"url": f"{site}/film.mp4"}})[0]
    assert len(two_a_second.frames) == 6 and np.allclose(np.diff(two_a_second.times_s), 44 / 15 / 5, atol=0.07)
    for place, time_s in enumerate(two_a_second.times_s):
        assert np.array_equal(two_a_second.frames[place], frames[round(time_s * rate)])
    arrays = read({"type": "video", "video": frames, "fps": rate})[0]
    assert np.array_equal(arrays.frames, two_a_second.frames) and np.allclose(arrays.times_s, two_a_second.times_s)


def test_the_times_of_an_uneven_video_are_its_own(tmp_path):
    path = tmp_path / "uneven.mkv"
    stamps_ms = [0, 100, 150, 900, 1000, 2500, 2600, 2700]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, stamp in enumerate(stamps_ms):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clip = decode_clip(path.read_bytes(), "video", Looking(fps=None))
    assert np.allclose(clip.times_s, np.array(stamps_ms) / 1e3, atol=2e-3)


@given(st.integers(1, 3000), st.floats(1, 120), st.floats(0.1, 30))
@settings(max_examples=200, deadline=None)
def test_frames_are_taken_evenly_from_first_to_last(count, rate, fps):
    places = take(count, rate, "video", Looking(fps=fps))
    assert places == sorted(set(places)) and places[0] == 0
    assert len(places) == min(max(int(count / rate * fps), 4), 768, count)
    if len(places) > 1:
        assert places[-1] == count - 1
        assert np.ptp(np.diff(places)) <= 1


def test_what_was_read_reads_the_same_again(picture, film):
    shown = [{"type": "text", "text": "look"}, {"type": "image", "image": picture}, {"type": "video", "video": film}]
    turns = read_conversation([{"role": "user", "content": shown}], Looking(), read_source)
    words, image, clip = read_conversation(as_messages(turns), Looking(fps=1.0), read_inline)[0].parts
    first = turns[0].parts
    assert words == "look" and np.array_equal(image, picture)
    assert isinstance(clip, Clip) and np.array_equal(clip.frames, first[2].frames)
    assert (clip.times_s, clip.duration_s, clip.fps) == (first[2].times_s, first[2].duration_s, first[2].fps)


@pytest.mark.parametrize("source", ["/etc/hostname", "file:///etc/hostname", "http://127.0.0.1/x", "relative.png"])
def test_messages_of_strangers_point_to_nothing(source):
    with pytest.raises(UsageError, match="points to a file or URL, which is not read here"):
        read({"type": "image", "image": source}, reader=read_inline)


def test_hosts_that_do_not_answer_are_failures(site):
    with pytest.raises(Failure, match="answered 404"):
        read({"type": "image", "image": f"{site}/none.png"})
    with pytest.raises(Failure, match="could not be fetched"):
        read({"type": "image", "image": "http://127.0.0.1:9/none.png"})


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"type": "sound"}, r"content\[0\] has the type 'sound'; expected one of text, image"),
        ("text", "has the type None"),
        ({"type": "text"}, "holds no text"),
        ({"type": "image"}, "must give its image once"),
        ({"type": "image", "image": "a.png", "path": "b.png"}, "it gives 2"),
        ({"type": "image", "image": 7}, "gives a int; expected a path"),
        ({"type": "image", "image": "nowhere.png"}, "there is no file nowhere.png"),
        ({"type": "image", "image": np.zeros((4, 4), np.uint8)}, r"expected RGB frames \[H, W, 3\]"),
        ({"type": "image", "image": np.zeros((4, 4, 3))}, "expected uint8"),
        ({"type": "image", "image": "data:image/png;base64,!!"}, "no base64"),
        ({"type": "image", "image": "data:image/png;base64,AAAA"}, "cannot be read as a picture"),
        ({"type": "image", "image": "file://elsewhere/a.png"}, "on the host elsewhere"),
        ({"type": "video", "video": np.zeros((4, 8, 8, 3), np.uint8)}, 'needs their rate "fps"'),
        ({"type": "video", "video": np.zeros((4, 8, 8, 3), np.uint8), "times_s": [0, 1]}, "as many times_s"),
        ({"type": "video", "video": np.zeros((2, 8, 8, 3), np.uint8), "times_s": [1, 0]}, "none before the last"),
        ({"type": "video", "video": "data:video/mp4;base64,AAAA"}, "cannot be read as a video"),
    ],
)
def test_parts_that_do_not_fit_are_named(part, sentence):
    with pytest.raises(UsageError, match=sentence):
        read(part)


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ("hello", "must be a list"),
        ([], "must be a list of at least one"),
        ([{"role": "user"}], r"messages\[0\] is no map of role and content"),
        ([{"role": "robot", "content": "hi"}], "expected one of system, user, assistant"),
        ([{"role": "assistant", "content": "hi"}], "expected the user's"),
        ([{"role": "user", "content": []}], "neither text nor a list"),
        ([{"role": "system", "content": [{"type": "image", "image": "a.png"}]}], "only the user shows"),
    ],
)
def test_messages_that_do_not_fit_are_named(messages, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_conversation(messages, Looking(), read_source)


def test_what_is_too_large_is_refused_with_the_number(picture, film):
    with pytest.raises(UsageError, match="at most 100"):
        read({"type": "image", "image": picture}, looking=Looking(frame_pixels=100))
    encoded = "data:image/png;base64," + base64.b64encode(png(picture)).decode()
    with pytest.raises(UsageError, match="128x96 pixels; at most 100 are taken"):
        read({"type": "image", "image": encoded}, looking=Looking(frame_pixels=100))
    with pytest.raises(UsageError, match="has 45 frames, and at most 20 can be looked at"):
        read({"type": "video", "video": film}, looking=Looking(fps=None, frames=20))
    with pytest.raises(UsageError, match="has 45 frames; videos of at most 40 are read"):
        read({"type": "video", "video": film}, looking=Looking(whole_frames=40))
    with pytest.raises(UsageError, match="ask for fewer frames"):
        read({"type": "video", "video": film}, looking=Looking(clip_pixels=1000))
