"""The page is one file, stands alone, and shows what is in the results."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from sim_eval.reports.headline import headline_tables, short, verdict


class Page(HTMLParser):
    """Elements with their attributes, and the text inside each id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.texts: dict[str, str] = {}
        self.words = ""
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        facts = dict(attributes)
        self.elements.append((tag, facts))
        if tag not in ("meta", "link", "img", "input", "br"):
            self._open.append((tag, facts.get("id")))

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data):
        tag, name = self._open[-1] if self._open else ("", None)
        if name:
            self.texts[name] = self.texts.get(name, "") + data
        if tag not in ("script", "style"):
            self.words += data


@pytest.fixture(scope="module")
def html(replayed) -> str:
    return (replayed.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_it_stands_alone(page, html):
    for tag, facts in page.elements:
        for name in ("src", "href", "data", "poster"):
            assert name not in facts, f"<{tag} {name}={facts.get(name)}> loads something"
    assert "@import" not in html and "url(" not in "".join(re.findall(r"<style>(.*?)</style>", html, re.S))
    assert len(html) < 15e6


def test_every_plot_has_its_data_with_units(page):
    plots = json.loads(page.texts["plots"])
    keys = [facts["data-key"] for tag, facts in page.elements if facts.get("class") == "plot"]
    assert len(keys) == 8
    for key in keys:
        assert key in plots or {f"{key}/0", f"{key}/1"} <= set(plots)
    for figure in plots.values():
        assert all(trace["meta"]["role"] for trace in figure["data"])
        axes = {trace.get("yaxis", "y").replace("y", "yaxis") for trace in figure["data"]}
        assert all(figure["layout"][axis]["title"]["text"] for axis in axes)


def numbers(packed) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["bdata"]), dtype=packed["dtype"])


def test_curves_are_the_recorded_and_predicted_actions(page, replayed):
    figure = json.loads(page.texts["plots"])["policy/curves/1"]
    records = [record for record in replayed.records if (record["call"], record["episode"]) == ("policy", 1)]
    predicted = numbers(figure["data"][0]["y"])
    expected = np.concatenate([np.append(1000 * np.array(record["predicted"])[:, 0], np.nan) for record in records])
    np.testing.assert_allclose(predicted, expected)
    replans = [shape["x0"] for shape in figure["layout"]["shapes"] if shape["xref"] == "x"]
    assert replans == pytest.approx([record["start"] / 15 for record in records])


def test_videos_play_and_belong_to_their_windows(page, replayed):
    import av

    videos = json.loads(page.texts["videos"])
    filmed = {(record["episode"], record["start"]) for record in replayed.records if "video" in record}
    assert {(video["episode"], video["start"]) for video in videos} == filmed
    for video in videos:
        with av.open(io.BytesIO(base64.b64decode(video["mp4"]))) as container:
            stream = container.streams.video[0]
            assert (stream.codec.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert len(frames) == 17
        recorded, predicted, difference = np.split(
            np.stack(frames).astype(int)[:, :, : 3 * (frames[0].shape[1] // 3)], 3, 2
        )
        assert np.abs(difference - np.abs(recorded - predicted)).mean() < 12  # what the encoder loses


def test_settings_versions_and_warnings_are_told(page, replayed):
    assert "random" in page.words
    for text in ("lift the cube", "tiny", "torch", replayed.summary["checkpoint"]["revision"], "seed"):
        assert text in page.words


def test_headlines_are_the_summarys_figures(page, replayed):
    for table in headline_tables(replayed.summary):
        for row in table["rows"]:
            assert row["verdict"]["text"] in page.words
            for cell in row["cells"].values():
                assert cell["mean"] in page.words


def metric(prediction, baseline, interval, higher=False) -> dict:
    return {
        "unit": "mm",
        "higher_is_better": higher,
        "sources": {"prediction": {"mean": prediction}, "hold_still": {"mean": baseline}},
        "prediction_minus": {"hold_still": {"mean": prediction - baseline, "mean_interval": interval}},
    }


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        (metric(3.0, 5.0, [-3.0, -1.0]), "better"),
        (metric(7.0, 5.0, [1.0, 3.0]), "worse"),
        (metric(7.0, 5.0, [1.0, 3.0], higher=True), "better"),
        (metric(4.9, 5.0, [-1.0, 0.8]), "open"),
        (metric(4.9, 5.0, None), "open"),
    ],
)
def test_verdicts_claim_only_what_the_interval_allows(facts, kind):
    assert verdict(facts)["kind"] == kind


def test_short_numbers():
    assert [short(value) for value in (0, 1234.5, 12.34, 1.234, 0.01234)] == ["0", "1234", "12.3", "1.23", "0.012"]
