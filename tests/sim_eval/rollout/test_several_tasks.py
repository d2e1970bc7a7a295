"""Two tasks in one call, recorded: files, figures and page follow from ``results.jsonl``."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
import typer
from scipy.stats import binomtest
from typer.testing import CliRunner

from cosmos_policy.errors import UsageError
from cosmos_policy.media import read_video
from sim_eval.cli.rollout import rollout
from sim_eval.physics import Randomization, open_environment
from sim_eval.rollout.summary import summarise

ARGUMENTS = [
    *("--embodiment", "ur", "--checkpoint", "tiny", "--device", "cpu", "--image-size", "64x64"),
    *("--time-limit-s", "0.6", "--latency-ms", "150", "--execution-horizon", "3", "--chunk-size", "12"),
    *("--videos", "1", "--resolution-tier", "256", "--num-inference-steps", "1"),
]


def run_command(*arguments):
    app = typer.Typer()
    app.command()(rollout)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(physics, single_thread, tmp_path_factory):
    """lift, and then stack too: a run grows by episodes and by tasks."""
    pytest.importorskip("torch", reason="torch is not installed (extra 'model')")
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    output = tmp_path_factory.mktemp("tasks") / "run"
    for more in (["--task", "lift", "--episodes", "1"], ["--task", "lift", "--task", "stack", "--episodes", "2"]):
        result = run_command("--output", output, "--record", *more, *ARGUMENTS)
        assert result.exit_code == 0, result.exception or result.output
    assert "stack: 0 of 2 succeeded (0 to 66 %)" in result.stdout
    return output


@pytest.fixture(scope="module")
def records(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_every_episode_of_every_task_is_there_once(records):
    expected = [("lift", 0), ("lift", 1), ("stack", 0), ("stack", 1)]
    assert [(record["task"], record["episode"]) for record in records] == expected
    assert [record["instruction"] for record in records[1:3]] == [
        "lift the red cube",
        "put the red cube on the green cube",
    ]


def test_films_come_twice_plain_and_told(folder, records):
    assert ["video" in record for record in records] == [True, False, True, False]
    for record in (records[0], records[2]):
        seen, fps = read_video(folder / record["video"])
        told, _ = read_video(folder / record["video_told"])
        assert fps == 10 and seen.shape == (record["steps"] + 1, 64, 64, 3)
        assert told.shape[1:] == (8 * 64 + 96, 8 * 64, 3) and len(told) > len(seen)
        enlarged = seen[3].repeat(8, axis=0).repeat(8, axis=1)
        assert np.abs(told[3, 96:].astype(int) - enlarged).mean() < 8, "the pictures stay free of text"


def test_the_dataset_holds_what_was_played(folder, records):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset = LeRobotDataset("test/rollouts", root=folder / "dataset", video_backend="pyav")
    assert dataset.num_episodes == 4 and dataset.num_frames == sum(record["steps"] for record in records)
    told = json.loads((folder / "dataset" / "rollouts.json").read_text())["episodes"]
    assert [(one["task"], one["seed"], one["success"]) for one in told] == [
        (record["task"], record["seed"], record["success"]) for record in records
    ]
    tasks = [dataset[int(start)]["task"] for start in dataset.meta.episodes["dataset_from_index"]]
    assert tasks == [record["instruction"] for record in records]
    seen, _ = read_video(folder / records[0]["video"])
    recorded = dataset[2]["observation.images.camera_top"].permute(1, 2, 0).numpy() * 255
    assert np.abs(recorded - seen[2]).mean() < 8


def test_the_summary_follows_from_the_results(folder, records):
    run = json.loads((folder / "settings.json").read_text())
    assert summarise(run, records) == json.loads((folder / "summary.json").read_text())


class Figures(HTMLParser):
    """Every marked figure of the page: (task or "" for the whole run, name) -> text; and all words outside styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[tuple[str, str], str] = {}
        self.tiles: list[tuple[str, str]] = []
        self.gauges: list[tuple[str, str]] = []
        self._task, self._open, self._tile = "", None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        facts = dict(attributes)
        if tag == "tr":
            self._task = facts.get("data-task") or facts.get("data-drift") or ""
        if "data-figure" in facts:
            self._open = (self._task, facts["data-figure"])
            assert self._open not in self.found, f"{self._open} stands twice"
            self.found[self._open] = ""
        if tag == "span" and facts.get("class") in ("yes", "no"):
            self.tiles.append((facts["class"], facts["title"]))
        if tag in ("span", "i") and "%" in facts.get("style", ""):
            self.gauges.append((tag, facts["style"]))

    def handle_endtag(self, tag):
        if tag == "span":
            self._open = None
        if tag == "table":
            self._task = ""

    def handle_data(self, data):
        if self._open is not None:
            self.found[self._open] += data


def expected_figures(records) -> dict[tuple[str, str], str]:
    """The page's figures, computed here once more from the records."""
    found = {}
    chunks = [timing for record in records for timing in record["timing_ms"]]
    tasks = {
        task: [one for one in records if one["task"] == task] for task in dict.fromkeys(r["task"] for r in records)
    }
    for name, own in {"": records, **(tasks if len(tasks) > 1 else {})}.items():
        done = sum(record["success"] for record in own)
        interval = binomtest(done, len(own)).proportion_ci(0.95, method="wilson")
        found |= {
            (name, "successes"): str(done),
            (name, "episodes"): str(len(own)),
            (name, "success_rate"): f"{100 * done / len(own):.0f}",
            (name, "interval_low"): f"{100 * interval.low:.0f}",
            (name, "interval_high"): f"{100 * interval.high:.0f}",
        }
        times = [record["time_s"] for record in own if record["success"]]
        if times:
            found[name, "median_time_s"] = f"{np.median(times):.1f}"
            if not name:
                found[name, "p90_time_s"] = f"{np.quantile(times, 0.9):.1f}"
    seeds = [record["seed"] for record in records]
    found |= {("", "first_seed"): str(min(seeds)), ("", "last_seed"): str(max(seeds)), ("", "chunks"): str(len(chunks))}
    for stage in chunks[0]:
        found["", f"chunk_ms {stage}"] = f"{np.median([timing[stage] for timing in chunks]):.0f}"
    for index, record in enumerate(record for record in records if "video_told" in record):
        found |= {
            ("", f"film {index} {name}"): text
            for name, text in {
                "episode": str(record["episode"]),
                "seed": str(record["seed"]),
                "end": "done" if record["success"] else "not done",
                "time_s": f"{record['time_s']:.1f}",
                "chunks": str(record["chunks"]),
            }.items()
        }
    if "drift" in records[0]:
        found["", "stopped_steps"] = str(sum(record["stopped_steps"] for record in records))
        found["", "steps"] = str(sum(record["steps"] for record in records))
        for name in records[0]["drift"]:
            values = [record["drift"][name] for record in records]
            found[name, "median"] = f"{np.median(values):.1f}"
            found[name, "p90"] = f"{np.quantile(values, 0.9):.1f}"
    return found


def expected_tiles(records) -> list[tuple[str, str]]:
    return [
        ("yes" if record["success"] else "no", f"seed {record['seed']}, {record['time_s']:.1f} s") for record in records
    ]


def expected_gauges(records) -> list[tuple[str, str]]:
    """Where the rate and its interval stand on the lines, of all and of each task."""
    tasks = [[one for one in records if one["task"] == task] for task in dict.fromkeys(one["task"] for one in records)]
    found = []
    for own in (records, *tasks):
        done = sum(record["success"] for record in own)
        interval = binomtest(done, len(own)).proportion_ci(0.95, method="wilson")
        found.append(("span", f"left: {100 * interval.low:.2f}%; right: {100 - 100 * interval.high:.2f}%"))
        found.append(("i", f"left: {100 * done / len(own):.2f}%"))
    return found


def test_every_figure_of_the_page_is_recomputed_from_the_results(folder, records):
    page = Figures((folder / "report.html").read_text())
    assert page.found == expected_figures(records)
    assert page.tiles == expected_tiles(records) and page.gauges == expected_gauges(records)


def test_so_is_that_of_a_page_with_successes_and_of_an_imagined_one(folder, records, tmp_path):
    """The same records, some of them called successes and given what imagined episodes have."""
    from sim_eval.rollout.report import write_report

    run = json.loads((folder / "settings.json").read_text())
    run["identity"]["imaginer"] = run["identity"]["checkpoint"]
    run["imaginer_name"] = "tiny"
    made = [
        {
            **record,
            "success": index % 2 == 0,
            "time_s": 1.0 + index,
            "stopped_steps": index,
            "verdicts": {"judge": {"probability": 0.5, "judge": "right on 3 of 4"}},
            "drift": {"sharpness": 10.0 * index, "brightness": 100.0 - index},
        }
        for index, record in enumerate(records)
    ]
    page = write_report(tmp_path, run, made, summarise(run, made)).read_text()
    found = Figures(page)
    without_films = [{name: value for name, value in one.items() if name != "video_told"} for one in made]
    assert found.found == expected_figures(without_films), "the films lie elsewhere"
    assert found.tiles == expected_tiles(made) and found.gauges == expected_gauges(made)
    assert "right on 3 of 4" in page


def test_recording_cannot_begin_in_the_middle(folder, physics, single_thread, tmp_path):
    plain = tmp_path / "plain"
    arguments = ["--output", plain, "--task", "lift", *ARGUMENTS, "--videos", "0"]
    assert run_command(*arguments, "--episodes", "1").exit_code == 0
    result = run_command(*arguments, "--episodes", "2", "--record")
    assert isinstance(result.exception, UsageError) and "1 episodes" in str(result.exception)
    assert "played without --record" in str(result.exception)


def test_an_imagined_ur_begins_where_its_scene_in_physics_begins(physics, single_thread, tmp_path):
    """Its joints give the pose it starts from; what it is told and where it is are poses from then on."""
    goal = {"proprioceptive_goal": {"goal": {"gripper_position": [0.0]}, "tolerance": {"gripper_position": 2.0}}}
    arguments = ["--world-model", "tiny", "--world-steps", "1", "--world-chunk-size", "4", "--task", "lift", *ARGUMENTS]
    output = tmp_path / "imagined"
    result = run_command("--output", output, *arguments, "--reward", json.dumps(goal), "--episodes", "1")
    assert result.exit_code == 0, result.exception or result.output
    (record,) = [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]
    assert record["success"] and record["start"] == "scene 0 of lift" and record["task"] == "lift"
    seen, _ = read_video(output / record["video"])
    scene = open_environment("lift", "ur", seed=0, image_size=(64, 64), supersampling=1, randomization=Randomization())
    picture = scene.images()["top"]
    scene.close()
    assert np.abs(seen[0].astype(int) - picture).mean() < 8
