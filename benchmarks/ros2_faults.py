"""Random sequences of faults between a real server, policy_node and the test robot of tests/, all of them processes.

    python benchmarks/ros2_faults.py [--sequences 200] [--first-seed 0] [--json]

Each sequence inflicts one to three of the faults of `tests/ros2_nodes/nodes/faults.py`, then ends the joint states for
good. Told: how long each kind of fault took to be answered at most, beyond the time in which nobody could know of it
(negative: sooner than that), what this machine's own lateness added, and every violation. The exit code is 1 where
there is any.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "ros2_nodes" / "nodes")]

from fault_sequences import Found, run_sequence  # noqa: E402
from rig import CONTRACT, rig, smooth_server  # noqa: E402
from ros_environment import RosEnvironment, prepare  # noqa: E402

from ros2_nodes.contract import load_contract  # noqa: E402

DEADMAN = ["stops.deadman={topic: /deadman, max_age_ms: 500}", "safety.hold_limit_s=30"]


def main() -> None:
    """Run them and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    ros, contract = RosEnvironment(prepare(), 100), load_contract(CONTRACT)
    moods, found, began = Path(tempfile.mkdtemp()) / "moods.json", Found(), time.monotonic()
    body = {"deadman_topic": "/deadman"}
    with (
        smooth_server(moods, 300.0) as server,
        rig(ros, contract, server.socket, robot=body, instruction="swing", overrides=DEADMAN) as (robot, _),
    ):
        robot.activate()
        for seed in range(given.first_seed, given.first_seed + given.sequences):
            run_sequence(robot, moods, seed, found)
            if not given.json and (seed + 1) % 10 == 0:
                print(f"{seed + 1 - given.first_seed} sequences, {len(found.violations)} violations", flush=True)
    if given.json:
        print(json.dumps({"sequences": given.sequences, **asdict(found)}, indent=1))
    else:
        print(
            f"{given.sequences} sequences in {time.monotonic() - began:.0f} s: "
            f"{found.faults} faults, {found.judged} judged"
        )
        print(f"lateness of this machine at most {1e3 * found.lateness_s:.0f} ms")
        for name, seconds in sorted(found.slowest_s.items(), key=lambda pair: -pair[1]):
            print(f"  {1e3 * seconds:+6.0f} ms  {name}")
        print("\n".join(found.violations) or "no violation")
    sys.exit(1 if found.violations else 0)


if __name__ == "__main__":
    main()
