"""What predicts success in physics: a replay's errors, or success in imagination?

    python -m sim_eval.study --checkpoint C --embodiment droid_joint --dataset demonstrations --task lift \
        --judge head.npz --judge-measured judged.json --episodes 20 --seed 1000000 --output study

Every variant of the checkpoint is replayed, rolled out in physics, and rolled out in the world that the unharmed
checkpoint imagines, from the first pictures of the same scenes. `study.json` holds the figures, `study.md` the page. A
run that was stopped goes on when the same command is given again; more --episodes go on from there too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import Sampling
from embodiments import EmbodimentError
from sim_eval.physics.recording.settings import parse_image_size
from sim_eval.replay.settings import ReplaySettings
from sim_eval.rollout.settings import Imagination, RolloutSettings
from sim_eval.study.run import Study, run_study
from sim_eval.study.variants import Place, variants_of


def main() -> None:
    given = _parser().parse_args()
    try:
        run_study(study_of(given), say=lambda sentence: print(f"study: {sentence}", file=sys.stderr, flush=True))
    except (UsageError, EmbodimentError) as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except Failure as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
    print((given.output / "study.md").read_text(encoding="utf-8"))


def study_of(given: argparse.Namespace) -> Study:
    """The study that was asked for."""
    common = {
        "tasks": tuple(given.task or ["lift"]),
        "embodiment": given.embodiment,
        "output": given.output,
        "episodes": given.episodes,
        "seed": given.seed,
        "execution_horizon": given.execution_horizon,
        "time_limit_s": given.time_limit_s,
        "image_size": parse_image_size(given.image_size),
        "videos": given.videos,
        "sampling": Sampling(resolution_tier=given.resolution_tier),
        "like": given.like,
        "device": given.device,
        "dtype": given.dtype,
    }
    measured = {} if given.judge_measured is None else {"measured": given.judge_measured}
    judge = {"judge": {"judge": given.judge, "threshold": given.judge_threshold, **measured}}
    imagination = Imagination(
        given.checkpoint,
        (judge,),
        sampling=Sampling(resolution_tier=given.resolution_tier),
        chunk_size=given.world_chunk_size,
    )
    others = dict(_named(pair) for pair in given.other or [])
    return Study(
        variants_of(given.checkpoint, given.noise, given.stretch, given.steps, others),
        Place(given.output, given.device, given.dtype, given.like),
        physics=RolloutSettings(**common, environments=given.environments),
        imagined=RolloutSettings(**common, environments=given.imagined_environments, imagination=imagination),
        replayed=ReplaySettings(
            dataset=given.dataset,
            embodiment=given.embodiment,
            output=given.output,
            episodes=given.dataset_episodes,
            calls=("policy",),
            sampling=Sampling(resolution_tier=given.resolution_tier),
            like=given.like,
            device=given.device,
            dtype=given.dtype,
        ),
        batch_size=given.batch_size,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sim_eval.study", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--checkpoint", required=True, help="a name, folder or hub id; it imagines the worlds of all variants")
    add("--embodiment", default="droid_joint")
    add("--dataset", required=True, help="recorded by the same robot; a LeRobot v3 folder or hub id")
    add("--dataset-episodes", default=None, help="such as 0,3:7; all if left out")
    add("--task", action="append", help="may be repeated; lift if left out")
    add("--judge", required=True, help="reasoner, or a file of cosmos-policy judge --train")
    add("--judge-measured", default=None, help="what cosmos-policy judge --output wrote")
    add("--judge-threshold", type=float, default=0.5)
    add("--episodes", type=int, default=20, help="scenes of each variant, in physics and in imagination")
    add("--seed", type=int, default=1_000_000, help="first scene; take seeds that no recording used")
    add("--output", type=Path, required=True)
    add("--noise", type=_numbers(float), default=(0.02, 0.05, 0.1, 0.2), help="of the weights, over their spread")
    add("--stretch", type=_numbers(float), default=(1.1, 1.5), help="how many times too wide a normaliser is")
    add("--steps", type=_numbers(int), default=(1, 2), help="denoising steps in place of the checkpoint's own")
    add("--other", action="append", help="name=checkpoint, compared beside the corruptions; may be repeated")
    add("--execution-horizon", type=int, default=8)
    add("--time-limit-s", type=float, default=None)
    add("--image-size", default="128x128")
    add("--videos", type=int, default=2)
    add("--resolution-tier", type=int, default=None)
    add("--world-chunk-size", type=int, default=None)
    add("--environments", type=int, default=1, help="worlds in physics at once")
    add("--imagined-environments", type=int, default=8, help="imagined worlds at once")
    add("--batch-size", type=int, default=4, help="windows of a replay in one call")
    add("--like", default=None)
    add("--device", default=None)
    add("--dtype", default=None)
    return parser


def _numbers(kind: type):
    def read(text: str) -> tuple:
        return tuple(kind(part) for part in text.split(",") if part.strip())

    return read


def _named(pair: str) -> tuple[str, str]:
    name, equals, checkpoint = pair.partition("=")
    if not (name and equals and checkpoint):
        raise UsageError(f"--other {pair!r} is not of the form name=checkpoint.")
    return name, checkpoint


if __name__ == "__main__":
    main()
