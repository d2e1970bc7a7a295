"""The study from its settings to ``study.json`` and ``study.md``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosmos_policy.types import Sampling
from sim_eval.replay.run import replay
from sim_eval.replay.settings import ReplaySettings
from sim_eval.results.store import ResultStore, write_json
from sim_eval.rollout.run import rollout
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.study.correlations import rank_correlations
from sim_eval.study.page import write_page
from sim_eval.study.variants import Place, Variant

STUDY_FILE, PAGE_FILE = "study.json", "study.md"


@dataclass(frozen=True)
class Study:
    """What is compared, and how.

    variants: the first one is the checkpoint as it is; it imagines the worlds of all. physics: how each is rolled out;
    the same scenes are then imagined, as ``imagined.imagination`` says. replayed: how each is replayed. In all three,
    output, checkpoint and sampling are the variants'.
    """

    variants: Sequence[Variant]
    place: Place
    physics: RolloutSettings
    imagined: RolloutSettings
    replayed: ReplaySettings
    batch_size: int = 1


def run_study(study: Study, say: Callable[[str], None]) -> dict[str, Any]:
    """Evaluates every variant (what is done already stays), and writes figures and page; returns the figures."""
    folder = study.place.folder
    rows = []
    with study.variants[0].open(study.place) as imaginer:
        for variant in study.variants:
            say(f"{variant.name}: {variant.title}")
            with variant.open(study.place) as model:
                rows.append(_evaluate(study, variant, model, imaginer, folder / variant.name))
    return finish(folder, rows, study)


def finish(folder: Path, rows: list[dict[str, Any]], study: Study) -> dict[str, Any]:
    """The correlations of what was measured; figures and page are written into `folder`."""
    found = {
        "checkpoint": study.variants[0].checkpoint,
        "tasks": list(study.physics.tasks),
        "episodes": study.physics.episodes,
        "first_seed": study.physics.seed,
        "dataset": Path(study.replayed.dataset).name,
        "variants": rows,
        "predictors": correlate(rows),
        "agreement": agreement(rows),
    }
    write_json(folder / STUDY_FILE, found)
    write_page(folder / PAGE_FILE, found)
    return found


def correlate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Predictor -> its rank correlation with success in physics, signed so that 1 predicts it perfectly."""
    success = [row["physics"]["success_rate"] for row in rows]
    predictors = {
        name: {
            "title": f"replay: {facts['title']}",
            **rank_correlations([-row["replay"][name]["mean"] for row in rows], success),
        }
        for name, facts in rows[0]["replay"].items()
    }
    imagined = [row["imagined"]["success_rate"] for row in rows]
    return {**predictors, "imagined": {"title": "success in imagination", **rank_correlations(imagined, success)}}


def agreement(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Scenes of all variants by how they ended in imagination and in physics."""
    ends = [end for row in rows for end in row["scenes"]]
    return {
        f"{'done' if imagined else 'not_done'}_in_imagination_{'done' if real else 'not_done'}_in_physics": sum(
            (one["imagined"], one["physics"]) == (imagined, real) for one in ends
        )
        for imagined in (True, False)
        for real in (True, False)
    }


def _evaluate(study: Study, variant: Variant, model: Any, imaginer: Any, folder: Path) -> dict[str, Any]:
    replayed = replace(
        study.replayed,
        output=folder / "replay",
        checkpoint=variant.checkpoint,
        sampling=_over(variant.sampling, study.replayed.sampling),
    )
    errors = replay(replayed, model=model, batch_size=study.batch_size).summary["calls"]["policy"]["metrics"]
    played = {}
    for name, settings in (("physics", study.physics), ("imagined", study.imagined)):
        sampling = _over(variant.sampling, settings.sampling)
        own = replace(settings, output=folder / name, checkpoint=variant.checkpoint, sampling=sampling)
        outcome = rollout(own, model=model, imaginer=imaginer if own.imagination is not None else None)
        played[name] = outcome.summary
    return {
        "name": variant.name,
        "title": variant.title,
        "replay": {
            name: {
                "title": facts["title"],
                "unit": facts["unit"],
                "mean": facts["sources"]["prediction"]["mean"],
                "interval": facts["sources"]["prediction"]["mean_interval"],
            }
            for name, facts in errors.items()
            if facts["scope"] in ("action", "end")
        },
        **{
            name: {key: summary[key] for key in ("episodes", "successes", "success_rate", "success_interval")}
            for name, summary in played.items()
        },
        "judges": played["imagined"]["imagination"]["judges"],
        "scenes": _scenes(folder),
    }


def _scenes(folder: Path) -> list[dict[str, Any]]:
    """How each scene ended in both."""
    ends: dict[tuple[str, int], dict[str, bool]] = {}
    for name in ("physics", "imagined"):
        for record in ResultStore(folder / name).records():
            ends.setdefault((record["task"], record["seed"]), {})[name] = record["success"]
    return [{"task": task, "seed": seed, **both} for (task, seed), both in sorted(ends.items())]


def _over(own: Sampling, common: Sampling) -> Sampling:
    """What a variant changes, over what all have."""
    return own.over(common)
