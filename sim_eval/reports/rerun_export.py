"""A replay as a Rerun recording: what the robot saw and did, and what the checkpoint said at each window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.media import read_video
from sim_eval.results.records import Record
from sim_eval.results.store import ResultStore

APPLICATION = "cosmos_policy_replay"
TIMELINE = "time"
JPEG_QUALITY = 85
PANELS = 3
"""Recorded, predicted and their difference stand side by side in a window's video."""

Views = Callable[[int, int], Mapping[str, np.ndarray]]
"""(episode, frame) -> the views, view -> uint8 [H, W, 3]."""


def write_rerun(path: Path, folder: Path, run: Mapping[str, Any], embodiment: Any, views: Views) -> Path:
    """Writes ``.rrd``, to be opened with ``rerun FILE``; returns its path.

    folder: of a finished replay. run: its ``settings.json``. Per episode: ``observed/<view>`` at every window's start,
    ``actions/<column>/recorded`` and ``.../<call>`` over time, ``path/<block>/recorded`` and ``.../<call>`` in the base
    frame (m), and ``imagined`` against ``recorded`` frames of forward dynamics. The timeline is seconds in the episode.
    """
    rerun = _library()
    store = ResultStore(folder)
    records = list(store.records())
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with rerun.RecordingStream(APPLICATION, recording_id=run["fingerprint"][:32]) as stream:
        stream.save(unfinished)
        for episode in dict.fromkeys(record["episode"] for record in records):
            own = [record for record in records if record["episode"] == episode]
            _log_recorded(rerun, stream, store, episode, embodiment)
            _log_observed(rerun, stream, own, embodiment, views)
            for record in own:
                if "predicted" in record and run["calls"][record["call"]]["against_recording"]:
                    _log_chunk(rerun, stream, record, embodiment)
                elif "video" in record:
                    _log_film(rerun, stream, folder, record, embodiment)
        stream.flush()
    unfinished.replace(path)
    return path


def _library() -> Any:
    try:
        import rerun
    except ImportError:
        raise UsageError("--rerun needs the Rerun SDK: install cosmos-policy[evaluation].") from None
    return rerun


def _root(record: Record | int) -> str:
    return f"episode_{record if isinstance(record, int) else record['episode']:06d}"


def _log_recorded(rerun: Any, stream: Any, store: ResultStore, episode: int, embodiment: Any) -> None:
    actions, state = store.episode(episode)
    for block, poses in embodiment.integrate(actions, state).items():
        strip = rerun.LineStrips3D([poses[:, :3, 3]], colors=[(120, 120, 120)])
        stream.log(f"{_root(episode)}/path/{block}/recorded", strip, static=True)
    _log_columns(rerun, stream, episode, "recorded", 0, actions, embodiment)


def _log_observed(rerun: Any, stream: Any, records: Sequence[Record], embodiment: Any, views: Views) -> None:
    for start in sorted({record["start"] for record in records}):
        stream.set_time(TIMELINE, duration=start / embodiment.fps)
        for view, image in views(records[0]["episode"], start).items():
            picture = rerun.Image(image).compress(jpeg_quality=JPEG_QUALITY)
            stream.log(f"{_root(records[0])}/observed/{view}", picture)


def _log_chunk(rerun: Any, stream: Any, record: Record, embodiment: Any) -> None:
    predicted = np.array(record["predicted"])
    state = {name: np.array(value) for name, value in record["state"].items()}
    stream.set_time(TIMELINE, duration=record["start"] / embodiment.fps)
    for block, poses in embodiment.integrate(predicted, state).items():
        strip = rerun.LineStrips3D([poses[:, :3, 3]], colors=[(230, 120, 30)])
        stream.log(f"{_root(record)}/path/{block}/{record['call']}", strip)
    _log_columns(rerun, stream, record["episode"], record["call"], record["start"], predicted, embodiment)


def _log_columns(
    rerun: Any, stream: Any, episode: int, source: str, start: int, actions: np.ndarray, embodiment: Any
) -> None:
    """Every column over time, in SI units; action i runs from instant i on."""
    times = rerun.TimeColumn(TIMELINE, duration=(start + np.arange(len(actions))) / embodiment.fps)
    for column, values in zip(embodiment.action_names, actions.T, strict=True):
        entity = f"{_root(episode)}/actions/{column}/{source}"
        stream.send_columns(entity, indexes=[times], columns=rerun.Scalars.columns(scalars=values))


def _log_film(rerun: Any, stream: Any, folder: Path, record: Record, embodiment: Any) -> None:
    frames, _ = read_video(folder / record["video"])
    width = frames.shape[2] // PANELS
    for index, frame in enumerate(frames):
        stream.set_time(TIMELINE, duration=(record["start"] + index) / embodiment.fps)
        for panel, name in enumerate(("recorded", "imagined")):
            picture = rerun.Image(frame[:, panel * width : (panel + 1) * width]).compress(jpeg_quality=JPEG_QUALITY)
            stream.log(f"{_root(record)}/{name}", picture)
