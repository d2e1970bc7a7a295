"""Cycle consistency and calibration over seeds: every figure computed again from results.jsonl, and from the calls."""

import itertools
import json

import numpy as np
import pytest
from scipy.stats import spearmanr

import cosmos_policy
import embodiments
from cosmos_policy.errors import UsageError
from sim_eval.metrics.actions import action_errors
from sim_eval.replay.calls.calibration import sample_seeds
from sim_eval.replay.run import replay
from sim_eval.replay.settings import ReplaySettings

DROID = embodiments.get("droid")
SAMPLES = 3


@pytest.fixture(scope="module")
def asked(droid_dataset, tmp_path_factory, single_thread):
    """(records, summary, folder) of the two calls over both episodes, with a Rerun recording."""
    folder = tmp_path_factory.mktemp("asked") / "output"
    settings = ReplaySettings(
        dataset=str(droid_dataset),
        embodiment="droid",
        output=folder,
        calls=("cycle-consistency", "calibration"),
        stride=12,
        samples=SAMPLES,
        seed=7,
    )
    outcome = replay(settings, batch_size=2, rerun=folder / "replay.rrd", quiet=True)
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return records, outcome.summary, folder


def of(asked, call):
    return [record for record in asked[0] if record["call"] == call]


def test_the_cycle_is_three_calls_one_after_the_other(asked, droid_dataset):
    """Asked again, by hand, for the first window."""
    from cosmos_policy.datasets.opening import open_dataset
    from cosmos_policy.datasets.recording import Recording
    from cosmos_policy.types import ForwardDynamicsRequest, InverseDynamicsRequest, Observation, PolicyRequest
    from sim_eval.world_model.screen import Screen

    record = of(asked, "cycle-consistency")[0]
    opened = open_dataset(str(droid_dataset), "droid")
    recording = Recording(opened.source, opened.binding, DROID, opened.episodes, 0)
    images = recording.view(record["episode"], record["start"])
    state = {name: np.array(value) for name, value in record["state"].items()}
    with cosmos_policy.load("tiny", device="cpu") as model:
        common = {"embodiment": DROID, "seed": record["seed"], "instruction": "lift the cube"}
        chunk = model.policy(PolicyRequest(Observation(images, state), common["instruction"], DROID, record["seed"]))
        frame = DROID.compose(images)
        rollout = model.forward_dynamics(ForwardDynamicsRequest(frame, chunk.unified, state=state, **common))
        screen = Screen.for_frame(frame, 256)
        film = np.concatenate([screen.show(frame)[None], screen.complete(rollout.frames[1:])])
        back = model.inverse_dynamics(InverseDynamicsRequest(film, state=state, **common))
    np.testing.assert_allclose(np.array(record["recorded"]), chunk.unified, atol=1e-4)
    np.testing.assert_allclose(np.array(record["predicted"]), back.unified, atol=1e-3)


def test_the_cycles_errors_are_against_its_own_chunk(asked):
    records = of(asked, "cycle-consistency")
    shown = asked[1]["calls"]["cycle-consistency"]["metrics"]["end_effector_position_mm"]["sources"]["prediction"]
    means = []
    for record in records:
        moved = np.array(record["predicted"])[:, :3] - np.array(record["recorded"])[:, :3]
        means.append(np.mean(1000 * np.linalg.norm(moved, axis=1)))
    assert shown["mean"] == pytest.approx(np.mean(means), rel=1e-5) and shown["windows"] == len(records) > 2
    assert "cycle-consistency/curves" not in (asked[2] / "report.html").read_text(), "it is no curve of the recording"


def test_the_samples_are_the_policys_with_their_own_seeds(asked):
    record = of(asked, "calibration")[0]
    assert len(record["samples"]) == SAMPLES
    assert sample_seeds(record["seed"], 2) == sample_seeds(record["seed"], 5)[:2]
    assert len(set(sample_seeds(record["seed"], 5))) == 5
    assert not np.allclose(record["samples"][0], record["samples"][1])


def test_calibration_follows_from_the_samples_in_the_records(asked):
    records, shown = of(asked, "calibration"), asked[1]["calls"]["calibration"]["calibration"]
    assert shown["samples"] == SAMPLES and shown["covered_if_calibrated"] == 0.5
    errors, spreads, inside = [], [], []
    name = "end_effector_position_mm"

    def distance(first, second):
        found = action_errors(DROID, np.array(first), np.array(second))
        return next(np.mean(values) for metric, values in found.items() if metric.name == name)

    for record in records:
        samples, recorded = record["samples"], record["recorded"]
        errors.append(np.mean([distance(sample, recorded) for sample in samples]))
        spreads.append(np.mean([distance(*pair) for pair in itertools.combinations(samples, 2)]))
        stack = np.sort(np.array(samples), axis=0)
        inside.append((stack[0] <= np.array(recorded)) & (np.array(recorded) <= stack[-1]))
    facts = shown["metrics"][name]
    assert facts["error"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert facts["spread"] == pytest.approx(np.mean(spreads), rel=1e-5)
    assert facts["ratio"] == pytest.approx(np.mean(spreads) / np.mean(errors), rel=1e-5)
    assert facts["rank_correlation"] == pytest.approx(spearmanr(spreads, errors).statistic, rel=1e-5)
    assert shown["covered"] == pytest.approx(np.mean(inside), rel=1e-5)


def test_a_sampler_that_draws_as_people_act_is_calibrated():
    """Recorded and samples from one distribution: ratio 1, and as much covered as said."""
    from sim_eval.metrics.actions import Metric
    from sim_eval.results.calibration import calibration

    generator = np.random.default_rng(0)
    records = []
    for _ in range(400):
        width = generator.uniform(0.1, 3.0)
        draws = generator.normal(0, width, (9, 4, 1))
        gaps = [abs(first - second) for first, second in itertools.combinations(draws[1:, :, 0], 2)]
        records.append(
            {
                "samples": draws[1:].tolist(),
                "recorded": draws[0].tolist(),
                "errors": {"prediction": {"off": np.abs(draws[1:, :, 0] - draws[0, :, 0]).mean(axis=0).tolist()}},
                "spread": {"off": np.mean(gaps, axis=0).tolist()},
            }
        )
    found = calibration(records, [Metric("off", "off", "1", "action")])
    assert found["metrics"]["off"]["ratio"] == pytest.approx(1.0, abs=0.05)
    assert found["metrics"]["off"]["rank_correlation"] > 0.6
    assert found["covered"] == pytest.approx(found["covered_if_calibrated"], abs=0.03)


def test_the_rerun_recording_holds_what_was_seen_and_said(asked):
    rerun = pytest.importorskip("rerun", reason="the Rerun SDK is not installed (extra 'evaluation')")
    recording = rerun.recording.load_recording(asked[2] / "replay.rrd")
    entities = (
        set(recording.schema().entity_paths())
        if hasattr(recording.schema(), "entity_paths")
        else {column.entity_path for column in recording.schema().component_columns()}
    )
    assert {"/episode_000000/observed/wrist", "/episode_000001/observed/exterior_2"} <= entities
    assert "/episode_000000/actions/gripper/recorded" in entities
    assert "/episode_000000/path/end_effector/recorded" in entities


def test_too_few_samples_are_told(droid_dataset, tmp_path):
    with pytest.raises(UsageError, match="--samples is 1; a spread needs at least 2"):
        ReplaySettings(dataset=str(droid_dataset), embodiment="droid", output=tmp_path, samples=1)
