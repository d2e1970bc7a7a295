"""A replay of 40 episodes on one machine and with workers on a Ray cluster, one of which is killed: the same results.

    python -m benchmarks.cluster_replay [--episodes 40] [--workers 3] [--json]

Records (but for their times), the summary and the report (but for what they say of times) must be equal.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

COMMAND = (sys.executable, "-c", "from cosmos_policy.cli.main import run; run()")
#: Actions of an episode: one window of 16, and a few that are left out.
FRAMES = 20


def main() -> None:
    """Both runs, and what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = write_dataset(folder / "dataset", options.episodes)
        shared = ["replay", "--dataset", str(dataset), "--embodiment", "droid", "--device", "cpu"]
        alone_s, _ = run([*shared, "--output", str(folder / "alone")], folder / "alone", kill=False)
        spread = ["--ray", "local", "--workers", str(options.workers), "--cpus-per-worker", "0.25"]
        spread_s, killed = run([*shared, *spread, "--output", str(folder / "spread")], folder / "spread", kill=True)
        figures = {
            "episodes": options.episodes,
            "workers": options.workers,
            "alone_s": alone_s,
            "spread_s": spread_s,
            "workers_killed": killed,
            **compare(folder / "alone", folder / "spread"),
        }
    if options.json:
        print(json.dumps(figures))
        return
    for key, value in figures.items():
        print(f"{key:32} {value}")


def run(arguments: list[str], output: Path, kill: bool) -> tuple[float, int]:
    """Seconds, and workers that were killed: one, when a third of the results is there."""
    started = time.monotonic()
    process = subprocess.Popen([*COMMAND, *arguments], env={**os.environ, "OMP_NUM_THREADS": "1"})
    killed: list[int] = []

    def kill_one() -> None:
        while process.poll() is None:
            time.sleep(0.5)
            done = len(lines(output / "results.jsonl"))
            if done >= 40 and (workers := workers_of(process.pid)):
                os.kill(workers[0], signal.SIGKILL)
                killed.append(workers[0])
                return

    if kill:
        threading.Thread(target=kill_one, daemon=True).start()
    if process.wait():
        raise SystemExit(f"The replay failed with exit code {process.returncode}.")
    return time.monotonic() - started, len(killed)


def workers_of(pid: int) -> list[int]:
    """Process ids of the replay workers of a cluster that `pid` started."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=1) for line in listed.splitlines()[1:]]
    return [int(each) for each, title in rows if title.startswith("ray::ReplayWorker") and pid in ancestors(int(each))]


def ancestors(pid: int) -> set[int]:
    """Process ids of the parents of `pid`."""
    above = set()
    while pid > 1:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:  # it has ended
            break
        pid = int(stat.rpartition(")")[2].split()[1])
        above.add(pid)
    return above


def compare(alone: Path, spread: Path) -> dict[str, object]:
    """What is equal."""
    ours, theirs = (by_window(folder) for folder in (alone, spread))
    videos = {path.name: path.read_bytes() for path in (alone / "videos").iterdir()}
    return {
        "records": len(ours),
        "records_once_each": len(lines(spread / "results.jsonl")) == len(theirs) == len(ours),
        "records_equal": ours == theirs,
        "summary_equal": untimed(json.loads((alone / "summary.json").read_text()))
        == untimed(json.loads((spread / "summary.json").read_text())),
        "report_equal": plain_report(alone) == plain_report(spread),
        "videos_equal": videos == {path.name: path.read_bytes() for path in (spread / "videos").iterdir()},
    }


def lines(path: Path) -> list[str]:
    """Lines of a file that may not be there yet."""
    return path.read_text().splitlines() if path.exists() else []


def by_window(folder: Path) -> dict[str, object]:
    """Window -> its record, without its times."""
    records = [json.loads(line) for line in lines(folder / "results.jsonl")]
    return {f"{r['call']} {r['episode']} {r['start']}": untimed(r) for r in records}


def untimed(value: object) -> object:
    """JSON values without what measures time."""
    if isinstance(value, dict):
        return {key: untimed(part) for key, part in value.items() if not key.endswith("_ms")}
    return [untimed(part) for part in value] if isinstance(value, list) else value


def plain_report(folder: Path) -> str:
    """The report without its table of times."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    return re.sub("<caption>Time per window.*?</table>", "", page, flags=re.DOTALL)


def write_dataset(folder: Path, episodes: int) -> Path:
    """A small LeRobot dataset of a DROID, as the tests have it."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from droid_recordings import write_droid_dataset

    return write_droid_dataset(folder, lengths=(FRAMES,) * episodes)


if __name__ == "__main__":
    main()
