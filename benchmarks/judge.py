"""How often is a small trained judge right about held-out roll-outs in physics?

    python -m benchmarks.judge --episodes 30 --output results/judge.json

Every scene is played twice by the scripted expert: as it is, and with a gripper that never closes: the arm moves the
same way, and the object stays. The judge sees the first and the last frame.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import embodiments
from sim_eval.physics import Randomization, open_environment
from sim_eval.rewards.judges import Clip, JudgeHead, LabelledClip, measure

OPEN = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="lift")
    parser.add_argument("--episodes", type=int, default=30, help="scenes; each is played twice")
    parser.add_argument("--held-out", type=float, default=0.34, help="share of the scenes that is not trained on")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    played: list[list[LabelledClip]] = []
    begun = time.perf_counter()
    for seed in range(arguments.episodes):
        scene = [play(arguments.task, seed, arguments.image_size, closes) for closes in (True, False)]
        played.append(scene)
        ends = [one.success for one in scene]
        print(f"[{time.perf_counter() - begun:6.1f} s] scene {seed}: success {ends[0]} and {ends[1]}", flush=True)
    first_held_out = round(len(played) * (1 - arguments.held_out))
    learnt = [one for scene in played[:first_held_out] for one in scene]
    held_out = [one for scene in played[first_held_out:] for one in scene]
    head = JudgeHead.train([one.clip for one in learnt], [one.success for one in learnt])
    found = {}
    for name, labelled in (("trained on", learnt), ("held out", held_out)):
        confusion, _ = measure(head, labelled, None)
        found[name] = confusion.as_json()
        print(f"{name}: {confusion.describe()}", flush=True)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps({"task": arguments.task, **found}, indent=1) + "\n")


def play(task: str, seed: int, image_size: int, closes: bool) -> LabelledClip:
    """One scene to the expert's last phase, with two pictures taken."""
    from cosmos_policy.errors import Failure
    from sim_eval.physics.expert import ScriptedExpert
    from sim_eval.physics.robot_io import RobotCommand

    environment = open_environment(
        task, "droid", seed=seed, image_size=(image_size, image_size), supersampling=1, randomization=Randomization()
    )
    try:
        robot = embodiments.get("droid")
        frames = [robot.compose(environment.images())]
        expert = ScriptedExpert(environment)
        try:
            while expert.phase is not None:
                command = expert.act()
                environment.step(command if closes else RobotCommand(command.joint_positions, OPEN))
        except Failure:
            if closes:
                raise
            # With a gripper that never closes no phase after this one can end: that is the end meant here.
        frames.append(robot.compose(environment.images()))
        return LabelledClip(
            Clip(np.stack(frames), environment.task.instruction, robot.fps), environment.succeeded(), f"scene {seed}"
        )
    finally:
        environment.close()


if __name__ == "__main__":
    main()
