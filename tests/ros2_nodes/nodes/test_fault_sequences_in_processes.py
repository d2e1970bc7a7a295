"""A few random sequences of faults in real processes; `benchmarks/ros2_faults.py` runs as many as one likes."""

from fault_sequences import Found, run_sequence
from rig import CONTRACT, rig, smooth_server

from ros2_nodes.contract import load_contract

SEEDS = range(1000, 1003)


def test_random_faults_in_real_processes_are_answered_in_time_and_leave_no_limit(ros, tmp_path):
    moods, found = tmp_path / "moods.json", Found()
    settings = {
        "robot": {"deadman_topic": "/deadman"},
        "overrides": ["stops.deadman={topic: /deadman, max_age_ms: 500}", "safety.hold_limit_s=30"],
    }
    with (
        smooth_server(moods, 300.0) as server,
        rig(ros, load_contract(CONTRACT), server.socket, instruction="swing", **settings) as (robot, _),
    ):
        robot.activate()
        for seed in SEEDS:
            run_sequence(robot, moods, seed, found)
    assert found.violations == []
    assert found.faults >= len(SEEDS) and found.judged >= 1
