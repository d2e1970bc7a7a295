"""Every figure of summary.json, computed again from results.jsonl by other means."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import embodiments
from sim_eval.metrics.images import PSNR_CEILING_DB
from sim_eval.results.seams import smoothness

DROID = embodiments.get("droid")
ACTION_CALLS = ("policy", "inverse-dynamics")


def records_of(replayed, call):
    return [record for record in replayed.records if record["call"] == call]


def rotation(columns: np.ndarray) -> Rotation:
    first, second = columns[..., :3], columns[..., 3:]
    left, _, right = np.linalg.svd(np.stack([first, second], axis=-1), full_matrices=False)
    polar = left @ right  # the orthogonal polar factor of [a b], as the model's own decoding has it
    third = np.cross(polar[..., 0], polar[..., 1])
    return Rotation.from_matrix(np.concatenate([polar, third[..., None]], axis=-1))


def figures(values) -> dict:
    return {"mean": np.mean(values), "median": np.median(values), "p90": np.quantile(values, 0.9)}


def test_there_are_as_many_windows_as_planned(replayed):
    planned = [tuple(window[:3]) for window in replayed.run["windows"]]
    assert [(record["call"], record["episode"], record["start"]) for record in replayed.records] == planned
    for call, facts in replayed.summary["calls"].items():
        assert facts["windows"] == sum(window[0] == call for window in planned) > 0
        assert facts["episodes"] == 2


@pytest.mark.parametrize("call", [*ACTION_CALLS, "forward-dynamics"])
def test_means_medians_and_horizons(replayed, call):
    records, metrics = records_of(replayed, call), replayed.summary["calls"][call]["metrics"]
    assert metrics
    for name, facts in metrics.items():
        for source, shown in facts["sources"].items():
            rows = [record["errors"][source][name] for record in records if record["errors"][source]]
            assert shown["windows"] == len(rows)
            for key, value in figures([np.mean(row) for row in rows]).items():
                assert shown[key] == pytest.approx(value, rel=1e-5)
            assert facts["per_step"][source] == pytest.approx(np.mean(rows, axis=0), rel=1e-5)
        for source, shown in facts["prediction_minus"].items():
            pairs = [record["errors"] for record in records if record["errors"][source]]
            differences = [np.mean(pair["prediction"][name]) - np.mean(pair[source][name]) for pair in pairs]
            assert shown["mean"] == pytest.approx(np.mean(differences), rel=1e-5)
            assert shown["windows"] == len(differences)


@pytest.mark.parametrize("call", [*ACTION_CALLS, "forward-dynamics"])
def test_intervals_draw_the_two_episodes(replayed, call):
    """With two episodes a draw holds the first twice, the second twice, or both: three possible means."""
    assert replayed.summary["intervals"]["resampled"] == "episodes"
    records = records_of(replayed, call)
    for name, facts in replayed.summary["calls"][call]["metrics"].items():
        by_episode = [
            [np.mean(record["errors"]["prediction"][name]) for record in records if record["episode"] == episode]
            for episode in (0, 1)
        ]
        ends = sorted(np.mean(values) for values in by_episode)
        assert facts["sources"]["prediction"]["mean_interval"] == pytest.approx(ends, rel=1e-5)


@pytest.mark.parametrize("call", ACTION_CALLS)
def test_errors_follow_from_the_actions_in_the_record(replayed, call):
    for record in records_of(replayed, call):
        predicted, recorded = np.array(record["predicted"]), np.array(record["recorded"])
        errors = record["errors"]["prediction"]
        distance = 1000 * np.linalg.norm(predicted[:, :3] - recorded[:, :3], axis=1)
        assert errors["end_effector_position_mm"] == pytest.approx(distance)
        turn = rotation(predicted[:, 3:9]).inv() * rotation(recorded[:, 3:9])
        assert errors["end_effector_rotation_deg"] == pytest.approx(np.degrees(turn.magnitude()), abs=1e-4)
        assert errors["gripper_error"] == pytest.approx(np.abs(predicted[:, 9] - recorded[:, 9]))
        signed = (predicted - recorded) * np.array([1000.0] * 3 + [1.0] * 7)
        np.testing.assert_allclose(record["dimension_errors"]["prediction"], signed, rtol=1e-9, atol=1e-12)
        held = np.array(record["dimension_errors"]["hold_still"])
        np.testing.assert_allclose(held[:, :3], -1000 * recorded[:, :3], atol=1e-9)


@pytest.mark.parametrize("call", ACTION_CALLS)
def test_drift_follows_from_the_actions_and_the_state(replayed, call):
    for record in records_of(replayed, call):
        start = np.array(record["state"]["cartesian_position"])
        ends = []
        for actions in (record["predicted"], record["recorded"]):
            frame = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # DROID's tool frame, re-labelled as a camera
            position, turn = start[:3], Rotation.from_euler("xyz", start[3:]).as_matrix() @ frame
            for action in np.array(actions):
                position = position + turn @ action[:3]
                turn = turn @ rotation(action[3:9]).as_matrix()
            ends.append(position)
        drift = 1000 * np.linalg.norm(ends[0] - ends[1])
        assert record["errors"]["prediction"]["end_effector_end_position_mm"] == pytest.approx([drift], abs=1e-6)
        assert record["errors"]["prediction"]["end_effector_path_position_mm"][-1] == pytest.approx(drift, abs=1e-6)


def test_dimensions(replayed):
    for call in ACTION_CALLS:
        shown = replayed.summary["calls"][call]["dimensions"]
        assert shown["names"] == list(DROID.action_names)
        assert shown["units"] == ["mm"] * 3 + ["1"] * 7
        for source, values in shown["mean_absolute_error"].items():
            rows = [record["dimension_errors"][source] for record in records_of(replayed, call)]
            steps = np.concatenate([np.abs(row) for row in rows if row is not None])
            assert values == pytest.approx(steps.mean(axis=0), rel=1e-5)


def test_the_whole_path_of_inverse_dynamics(replayed):
    shown = replayed.summary["calls"]["inverse-dynamics"]["whole_path"]
    for episode in (0, 1):
        records = [record for record in records_of(replayed, "inverse-dynamics") if record["episode"] == episode]
        assert [record["start"] for record in records] == list(range(0, 16 * len(records), 16))
        predicted, recorded = (np.concatenate([record[key] for record in records]) for key in ("predicted", "recorded"))
        state = {name: np.array(value) for name, value in records[0]["state"].items()}
        mine, theirs = (DROID.integrate(actions, state)["end_effector"] for actions in (predicted, recorded))
        apart = 1000 * np.linalg.norm(mine[:, :3, 3] - theirs[:, :3, 3], axis=1)
        facts = shown[str(episode)]
        assert facts["actions"] == len(predicted) == 16 * len(records)
        assert facts["end_effector_end_position_mm"] == pytest.approx(apart[-1], rel=1e-5)
        assert facts["end_effector_path_position_mm"] == pytest.approx(apart[1:].mean(), rel=1e-5)


def test_image_figures(replayed):
    records = records_of(replayed, "forward-dynamics")
    for record in records:
        for source in ("prediction", "last_frame_stays"):
            errors = record["errors"][source]
            assert len(errors["mse"]) == record["horizon"]
            with np.errstate(divide="ignore"):
                psnr = np.minimum(10 * np.log10(255**2 / np.array(errors["mse"])), PSNR_CEILING_DB)
            assert errors["psnr_db"] == pytest.approx(psnr)
    shown = replayed.summary["calls"]["forward-dynamics"]
    for name in ("psnr_db", "ssim"):
        mean = np.mean([record["autoencoder"][name] for record in records])
        assert shown["autoencoder"][name] == pytest.approx(mean, rel=1e-5)
    assert shown["unreachable_actions"] == sum(record["unreachable_actions"] for record in records)
    assert shown["actions"] == 16 * len(records)


def test_timings(replayed):
    for call, facts in replayed.summary["calls"].items():
        for stage, taken in facts["timing_ms"].items():
            values = [record["timing_ms"][stage] for record in records_of(replayed, call)]
            assert taken["median"] == pytest.approx(np.median(values), rel=1e-5)
            assert taken["p90"] == pytest.approx(np.quantile(values, 0.9), rel=1e-5)


def test_latency_quantiles_are_of_the_windows(replayed):
    for call, facts in replayed.summary["calls"].items():
        for stage, shown in facts["timing_ms"].items():
            taken = [record["timing_ms"][stage] for record in records_of(replayed, call)]
            expected = {"median": np.median(taken), "max": max(taken)}
            expected |= {f"p{percent}": np.percentile(taken, percent) for percent in (90, 99)}
            assert shown == pytest.approx(expected, rel=1e-5)


def commanded(record, source):
    """Positions (m) that a chunk commands, by integrating poses here: T(i+1) = T(i) delta(i)."""
    pose = np.eye(4)
    state = np.array(record["state"]["cartesian_position"])
    pose[:3, :3], pose[:3, 3] = Rotation.from_euler("xyz", state[3:]).as_matrix(), state[:3]
    path = [pose @ DROID.pose_blocks[0].tool_to_model]
    for row in np.array(record[source]):
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = rotation(row[None, 3:9])[0].as_matrix(), row[:3]
        path.append(path[-1] @ step)
    return (np.array(path) @ np.linalg.inv(DROID.pose_blocks[0].tool_to_model))[:, :3, 3]


@pytest.mark.parametrize("source", ["predicted", "recorded"])
def test_jerk_follows_from_the_chunks_in_the_records(replayed, source):
    shown = replayed.summary["calls"]["policy"]["smoothness"]
    assert shown["seams"] == {}, "a stride of 20 leaves gaps between chunks of 16"
    third = [np.diff(commanded(record, source), 3, axis=0) * DROID.fps**3 for record in records_of(replayed, "policy")]
    jerks = [np.sqrt((one**2).sum(axis=1).mean()) for one in third]
    figures_shown = shown["jerk"]["end_effector_jerk_m_s3"][source]
    assert figures_shown["median"] == pytest.approx(np.median(jerks), rel=1e-4)
    assert figures_shown["p90"] == pytest.approx(np.quantile(jerks, 0.9), rel=1e-4)


@pytest.mark.parametrize("source", ["predicted", "recorded"])
def test_seams_follow_from_the_chunks_in_the_records(replayed, source):
    """The same chunks, told to be asked for every eight actions."""
    records = [{**record, "start": record["start"] * 8 // 20} for record in records_of(replayed, "policy")]
    shown = smoothness(records, DROID)["seams"]["end_effector_seam_mm"][source]
    by_place = {(record["episode"], record["start"]): commanded(record, source) for record in records}
    jumps = [
        1000 * np.linalg.norm(by_place[episode, start + 8][1] - path[8])
        for (episode, start), path in by_place.items()
        if (episode, start + 8) in by_place
    ]
    assert shown["number"] == len(jumps) > 0
    assert shown["median"] == pytest.approx(np.median(jumps), rel=1e-4)
