"""Import time of `embodiments`, and encode and decode of a 16-step chunk, per robot. One core.

    OMP_NUM_THREADS=1 python benchmarks/encode_decode.py [--json]

Goals: import under 300 ms, encode and decode under 1 ms each for any robot. The best of many short runs is told: on a
machine that does other work the mean measures the other work.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

IMPORT_RUNS, CHUNK_RUNS, CALLS_PER_RUN, STEPS = 5, 60, 5, 16


def import_time_ms(statement: str) -> float:
    """The best wall time of a statement in a fresh interpreter, without the interpreter's own start."""
    program = f"import time; begin = time.perf_counter(); {statement}; print(time.perf_counter() - begin)"
    runs = []
    for _ in range(IMPORT_RUNS):
        runs.append(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True))
    return 1e3 * min(float(run.stdout) for run in runs)


def best_ms(function: Callable[[], object]) -> float:
    """The best time of a call over `CHUNK_RUNS` runs of `CALLS_PER_RUN` calls."""
    best = float("inf")
    for _ in range(CHUNK_RUNS):
        begin = time.perf_counter()
        for _ in range(CALLS_PER_RUN):
            function()
        best = min(best, (time.perf_counter() - begin) / CALLS_PER_RUN)
    return 1e3 * best


def main() -> None:
    import embodiments

    results: dict[str, object] = {
        "import_ms": import_time_ms("import embodiments"),
        "import_and_get_droid_ms": import_time_ms("import embodiments; embodiments.get('droid')"),
        "robots": {},
    }
    for name in embodiments.names():
        robot = embodiments.get(name)
        trajectory = robot.example_trajectory(STEPS)
        state, unified = trajectory.state_at(0), robot.encode(trajectory)
        results["robots"][name] = {
            "encode_ms": best_ms(lambda robot=robot, trajectory=trajectory: robot.encode(trajectory)),
            "decode_ms": best_ms(lambda robot=robot, unified=unified, state=state: robot.decode(unified, state)),
        }
    if "--json" in sys.argv:
        print(json.dumps(results, indent=1))
        return
    print(f"import embodiments                {results['import_ms']:8.1f} ms")
    print(f"import and get a robot (numpy)    {results['import_and_get_droid_ms']:8.1f} ms")
    for name, figures in results["robots"].items():
        print(f"{name:12} encode {figures['encode_ms']:6.3f} ms   decode {figures['decode_ms']:6.3f} ms")


if __name__ == "__main__":
    main()
