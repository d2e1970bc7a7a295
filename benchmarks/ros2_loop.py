"""The whole robot side in real processes: a server with injected latency, policy_node, the test robot of tests/.

    python benchmarks/ros2_loop.py [--seconds 60] [--latency-ms 300] [--json]

Runs twice, with and without telling the model the actions that execute while it computes (the prefix). The server
serves the smooth test policy, because velocities at seams mean nothing with random weights; everything else is the
product. Figures: images published and lost; how evenly ticks arrive at another process, against that process's own
timer; ticks that did not run; how much the robot's velocity changes in 10 ms (from its 100 Hz record, by the time that
really went by between two entries), from a trajectory's arrival to one action after it takes over, and elsewhere.
`--late-ms` delivers every trajectory up to so much later, at random.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "ros2_nodes" / "nodes")]

from rig import CONTRACT, Robot, rig, smooth_server  # noqa: E402
from ros_environment import RosEnvironment, prepare  # noqa: E402

from ros2_nodes.contract import load_contract  # noqa: E402

STEP_S = 1.0 / 15.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--latency-ms", type=float, default=300.0)
    parser.add_argument("--late-ms", type=float, default=0.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    ros, contract = RosEnvironment(prepare(), 99), load_contract(CONTRACT)
    moods = Path(tempfile.mkdtemp()) / "moods.json"
    found = {}
    with smooth_server(moods, given.latency_ms) as server:
        for prefix in (True, False):
            overrides = [f"execution.prefix={str(prefix).lower()}"]
            with rig(ros, contract, server.socket, instruction="swing", overrides=overrides) as (robot, _):
                robot.do("fault", name="late_s", value=given.late_ms / 1e3)
                seam_s = contract.execution.lead_ms / 1e3 + STEP_S
                found["with prefix" if prefix else "without prefix"] = measure(robot, given.seconds, seam_s)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    for name, figures in found.items():
        print(name)
        for key, value in figures.items():
            print(f"  {key}: {value:.3f}" if isinstance(value, float) else f"  {key}: {value}")


def measure(robot: Robot, seconds: float, seam_s: float) -> dict[str, object]:
    """One run. seam_s: what counts as a seam, from a trajectory's arrival on."""
    robot.do("fault", name="camera_dies", value="all")
    robot.activate()
    before = images(robot)
    robot.do("fault", name="camera_dies", value=None)
    robot.wait_state("running")
    time.sleep(3.0)  # the start ramp
    robot.do("forget")
    time.sleep(seconds)
    record, statuses = robot.do("record"), robot.do("ticks")
    robot.do("fault", name="camera_dies", value="all")
    after = images(robot)
    published, received = after[0] - before[0], after[1] - before[1]
    motion = np.array([when for when, _, _ in record["motion"]])
    velocity = np.array([row for _, _, row in record["motion"]])
    ticks = np.array([when for when, _ in statuses])
    apart = np.diff(motion)
    jump = 0.01 * np.abs(np.diff(velocity, axis=0)).max(axis=1) / np.maximum(apart, 0.002)
    seam = np.zeros(len(jump), bool)
    for arrival in record["arrivals"]:
        seam |= (motion[1:] > arrival) & (motion[:-1] < arrival + seam_s)
    return {
        "images published": published,
        "images lost": published - received,
        "trajectories": len(record["arrivals"]),
        "trajectory period, s": float(np.diff(record["arrivals"]).mean()),
        "ticks": len(ticks),
        "ticks not running": sum(state != "running" for _, state in statuses),
        "tick jitter p99, ms": jitter_ms(ticks),
        "own timer jitter p99, ms": jitter_ms(motion),
        "velocity change in 10 ms at seams, max, rad/s": float(jump[seam].max()),
        "velocity change in 10 ms elsewhere, max, rad/s": float(jump[~seam].max()),
        "fastest joint, rad/s": float(np.abs(velocity).max()),
        "violations": len(record["violations"]),
    }


def images(robot: Robot) -> tuple[int, int]:
    """(published, received) of all cameras, once they have been silent for a while."""
    time.sleep(1.0)
    told = len(robot.do("diagnostics"))
    robot.wait("diagnostics", lambda: len(robot.do("diagnostics")) >= told + 2)
    values = robot.do("diagnostics")[-1]["observations"]["values"]
    published = robot.do("record")["published"]
    return sum(published.values()), sum(int(values[f"received {view}, messages"]) for view in published)


def jitter_ms(times: np.ndarray) -> float:
    """99th percentile of the distance of intervals from their median, ms."""
    intervals = np.diff(times)
    return float(1e3 * np.percentile(np.abs(intervals - np.median(intervals)), 99))


if __name__ == "__main__":
    main()
