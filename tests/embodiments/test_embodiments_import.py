"""The floor under everything: light, without torch, and on Humble's Python 3.10 too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "scipy", "pydantic", "yaml", "typer", "transformers", "diffusers")
USE_EVERY_ROBOT = """
import embodiments
for name in embodiments.names():
    robot = embodiments.get(name)
    trajectory = robot.example_trajectory(4)
    commands = robot.decode(robot.encode(trajectory), trajectory.state_at(0))
    assert all(len(values) == 4 for values in commands.values()), name
    frame = robot.compose(robot.example_observation()["images"])
    assert set(robot.split(frame)) == set(robot.views)
import sys
assert "torch" not in sys.modules
print(len(embodiments.names()))
"""


def run(python: str, program: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [python, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120, check=False
    )


def test_bare_import_is_light():
    """The time itself is measured by benchmarks/encode_decode.py; here: nothing heavy comes along."""
    done = run(sys.executable, f"import embodiments, sys; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_robot_needs_neither_torch_nor_scipy_until_it_turns():
    program = f"import embodiments, sys; embodiments.get('droid'); print([n for n in {HEAVY} if n in sys.modules])"
    done = run(sys.executable, program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def pythons_3_10() -> list[str]:
    """Python 3.10 interpreters of this machine; `COSMOS_POLICY_PYTHON_3_10` names one that has numpy and scipy."""
    chosen = os.environ.get("COSMOS_POLICY_PYTHON_3_10")
    if chosen:
        return [chosen]
    named = shutil.which("python3.10")
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(str(path) for path in versions.glob("3.10.*/bin/python"))
    return list(dict.fromkeys([*([named] if named else []), *installed]))


def test_python_3_10():
    for python in pythons_3_10():
        if run(python, "import numpy, scipy").returncode == 0:
            done = run(python, USE_EVERY_ROBOT)
            assert done.returncode == 0, done.stderr
            assert int(done.stdout) >= 14
            return
    if not pythons_3_10():
        pytest.skip("no Python 3.10 is installed here")
    pytest.skip(f"{pythons_3_10()[0]} has no numpy and scipy: see test_syntax_of_python_3_10 for what it still shows")


def test_syntax_of_python_3_10():
    """Without numpy an interpreter can still compile every file and import the package itself."""
    if not pythons_3_10():
        pytest.skip("no Python 3.10 is installed here")
    program = (
        "import ast, pathlib, embodiments\n"
        "for path in pathlib.Path('embodiments').rglob('*.py'):\n"
        "    ast.parse(path.read_text(), str(path))\n"
        "print(embodiments.__all__)"
    )
    for python in pythons_3_10():
        if run(python, "import encodings").returncode == 0:
            done = run(python, program)
            assert done.returncode == 0, done.stderr
            return
    pytest.skip("no Python 3.10 here starts")
