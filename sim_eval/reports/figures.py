"""The plots of a replay report, as Plotly figures without colours.

A trace says in its ``meta`` which role it plays ("recorded", "predicted", "hold_still", ...); the page paints roles, in
light and in dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sim_eval.metrics.actions import MILLIMETRES_PER_METRE, display_unit
from sim_eval.results.records import Record, stitched

ROW_PIXELS = 150
SOURCE_TITLES = {
    "prediction": "predicted",
    "hold_still": "hold still",
    "repeat_last_action": "repeat the last action",
    "last_frame_stays": "the last frame stays",
}
#: More replan points than this are marked by rings alone; lines would hide the curves.
MOST_REPLAN_LINES = 80


#: x axes of the three plots over time in a path figure; "x2" is the view from above
PATH_TIME_AXES = ("x", "x3", "x4")


def action_curves(actions: np.ndarray, records: Sequence[Record], embodiment: Any) -> go.Figure:
    """Recorded and predicted actions over time, a small plot a dimension, windows marked where they start.

    actions: unified [N-1, D], the whole episode. records: its windows of one call.
    """
    columns = embodiment.columns
    rows = -(-len(columns) // 2)
    shown = [display_unit(column.kind, column.unit) for column in columns]
    figure = make_subplots(
        rows=rows,
        cols=2,
        shared_xaxes=True,
        vertical_spacing=0.28 / rows,
        horizontal_spacing=0.075,
        subplot_titles=[column.name.replace("_", " ") for column in columns],
    )
    times = np.arange(len(actions)) / embodiment.fps
    window_times = [(record["start"] + np.arange(record["horizon"])) / embodiment.fps for record in records]
    for index, (factor, unit) in enumerate(shown):
        place = {"row": index // 2 + 1, "col": index % 2 + 1}
        predicted = [np.array(record["predicted"])[:, index] * factor for record in records]
        _compare(figure, place, (times, actions[:, index] * factor), (window_times, predicted), legend=index == 0)
        figure.update_yaxes(title_text=_axis_unit(unit), **place)
    _mark_starts(figure, records, embodiment, dict.fromkeys(trace.xaxis or "x" for trace in figure.data))
    figure.update_xaxes(title_text="time in s", row=rows)
    return _sized(figure, rows * ROW_PIXELS)


def chunk_paths(path: np.ndarray, records: Sequence[Record], embodiment: Any, block: str) -> go.Figure:
    """Where the tool went, and where each predicted chunk would have taken it from there.

    path: recorded poses [N, 4, 4] of `block`, in the robot's base frame.
    """
    predicted = [
        embodiment.integrate(np.array(record["predicted"]), _state(record))[block][:, :3, 3] for record in records
    ]
    times = [(record["start"] + np.arange(record["horizon"] + 1)) / embodiment.fps for record in records]
    figure = _path_figure(path[:, :3, 3], predicted, times, embodiment.fps)
    _mark_starts(figure, records, embodiment, PATH_TIME_AXES)
    return figure


def whole_path(records: Sequence[Record], embodiment: Any, block: str) -> go.Figure:
    """The path that all predicted actions make when they are put end to end, against the recorded one."""
    predicted, recorded, state = stitched(records, records[0]["episode"])
    mine, theirs = (embodiment.integrate(actions, state)[block][:, :3, 3] for actions in (predicted, recorded))
    times = min(record["start"] for record in records) / embodiment.fps + np.arange(len(mine)) / embodiment.fps
    return _path_figure(theirs, [mine], [times], embodiment.fps)


def horizon_errors(
    metrics: Mapping[str, Mapping[str, Any]], records: Sequence[Record], references: Mapping[str, float] | None = None
) -> go.Figure:
    """Mean error at every horizon step, a plot a metric; the band holds the middle 80 % of the predicted windows.

    metrics: the "metrics" of a call in ``summary.json``. references: metric -> a level to draw (the autoencoder's own).
    """
    shown = {name: facts for name, facts in metrics.items() if facts["scope"] != "end"}
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        vertical_spacing=0.2 / rows + 0.06 * (rows > 1),
        horizontal_spacing=0.075,
        subplot_titles=[facts["title"] for facts in shown.values()],
    )
    for index, (name, facts) in enumerate(shown.items()):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        steps = np.arange(1, len(facts["per_step"]["prediction"]) + 1)
        windows = np.array([record["errors"]["prediction"][name] for record in records])
        if len(windows) > 1:
            low, high = np.quantile(windows, [0.1, 0.9], axis=0)
            figure.add_trace(_band(steps, low, high), **place)
        for source, values in reversed(facts["per_step"].items()):
            if values:
                figure.add_trace(_line(steps, np.array(values), source, index == 0), **place)
        if references and name in references:
            level = np.full(len(steps), references[name])
            figure.add_trace(_line(steps, level, "autoencoder", index == 0, "frame 0, given and reproduced"), **place)
        figure.update_yaxes(title_text=_axis_unit(facts["unit"]), rangemode="tozero", **place)
        figure.update_xaxes(title_text="horizon step", **place)
    return _sized(figure, rows * 255)


def _path_figure(recorded: np.ndarray, predicted: list[np.ndarray], times: list[np.ndarray], fps: float) -> go.Figure:
    """x, y and z over time on the left, the view from above on the right; mm, one scale for both directions there."""
    figure = make_subplots(
        rows=3,
        cols=2,
        shared_xaxes="columns",
        column_widths=[0.58, 0.42],
        vertical_spacing=0.05,
        horizontal_spacing=0.085,
        specs=[[{}, {"rowspan": 3}], [{}, None], [{}, None]],
        subplot_titles=["position over time", "seen from above"],
    )
    own_times = np.arange(len(recorded)) / fps
    truth, guesses = recorded * MILLIMETRES_PER_METRE, [path * MILLIMETRES_PER_METRE for path in predicted]
    for axis, name in enumerate("xyz"):
        place, guess = {"row": axis + 1, "col": 1}, [path[:, axis] for path in guesses]
        _compare(figure, place, (own_times, truth[:, axis]), (times, guess), legend=axis == 0)
        figure.update_yaxes(title_text=f"{name} in mm", **place)
    figure.update_xaxes(title_text="time in s", row=3, col=1)
    above = {"row": 1, "col": 2}
    seen = ([path[:, 0] for path in guesses], [path[:, 1] for path in guesses])
    _compare(figure, above, (truth[:, 0], truth[:, 1]), seen, legend=False)
    figure.update_xaxes(title_text="x in mm", matches=None, **above)
    figure.update_yaxes(title_text="y in mm", scaleanchor="x2", **above)
    return _sized(figure, 470)


def _compare(
    figure: go.Figure,
    place: Mapping[str, int],
    recorded: tuple[np.ndarray, np.ndarray],
    predicted: tuple[list[np.ndarray], list[np.ndarray]],
    legend: bool,
) -> None:
    """Predicted pieces (x, y of each), the recorded line over them, and a ring where each piece starts."""
    xs, ys = predicted
    figure.add_trace(_line(_joined(xs), _joined(ys), "predicted", legend), **place)
    figure.add_trace(_line(*recorded, "recorded", legend), **place)
    rings = go.Scatter(
        x=[piece[0] for piece in xs],
        y=[piece[0] for piece in ys],
        mode="markers",
        name="replan point",
        legendgroup="replan",
        showlegend=legend,
        meta={"role": "replan"},
    )
    figure.add_trace(rings, **place)


def _axis_unit(unit: str) -> str:
    return "no unit" if unit == "1" else unit


def _line(x: np.ndarray, y: np.ndarray, role: str, legend: bool, name: str | None = None) -> go.Scatter:
    role = "predicted" if role == "prediction" else role
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=name or SOURCE_TITLES.get(role, role),
        legendgroup=role,
        showlegend=legend,
        meta={"role": role},
        connectgaps=False,
    )


def _band(steps: np.ndarray, low: np.ndarray, high: np.ndarray) -> go.Scatter:
    return go.Scatter(
        x=np.concatenate([steps, steps[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "band"},
    )


def _mark_starts(figure: go.Figure, records: Sequence[Record], embodiment: Any, axes: Sequence[str]) -> None:
    """Faint lines where windows start, through the plots with these x axes ("x", "x3", ...)."""
    if len(records) > MOST_REPLAN_LINES:
        return
    figure.update_layout(
        shapes=[
            {
                "type": "line",
                "x0": time,
                "x1": time,
                "y0": 0,
                "y1": 1,
                "xref": axis,
                "yref": f"{axis.replace('x', 'y')} domain",
                "layer": "below",
                "name": "replan",
            }
            for axis in axes
            for time in (record["start"] / embodiment.fps for record in records)
        ]
    )


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    """Pieces in one array with a gap (nan) after each, which Plotly does not draw over."""
    return np.concatenate([np.append(np.asarray(piece, dtype=np.float64), np.nan) for piece in pieces])


def _state(record: Record) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in record["state"].items()}


def _sized(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(height=height + 90, template=None, margin={"l": 60, "r": 15, "t": 70, "b": 50})
    return figure
