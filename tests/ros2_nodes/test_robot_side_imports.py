"""The heart of the robot side is light: no torch, no rclpy, nothing of simulators, and Python 3.10 reads it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "ros2_nodes"
CORE = ("contract", "observing", "execution", "safety", "commanding", "drift", "loop")
FORBIDDEN = ("torch", "rclpy", "mujoco", "mink", "diffusers", "sim_eval", "PIL", "cv2")
FILES = sorted([*ROOT.glob("*.py"), *(file for part in CORE for file in (ROOT / part).rglob("*.py"))])


def modules() -> list[str]:
    names = [".".join(file.relative_to(ROOT.parent).with_suffix("").parts) for file in FILES]
    return [name.removesuffix(".__init__") for name in names]


def test_importing_all_of_it_brings_nothing_heavy():
    script = f"""
import importlib, sys
for name in {modules()!r}:
    importlib.import_module(name)
print([name for name in {FORBIDDEN!r} if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_python_3_10_reads_it(file):
    ast.parse(file.read_text(), feature_version=(3, 10))


def test_layers_only_look_down():
    """contract knows none of the others, and nothing but the loop knows the loop."""
    below = {
        "contract": (),
        "observing": ("contract",),
        "execution": ("contract",),
        "safety": ("contract", "execution"),
        "commanding": ("contract", "execution", "safety"),
        "drift": ("contract",),
        "loop": ("contract", "observing", "execution", "safety", "commanding", "drift"),
    }
    for part, allowed in below.items():
        for file in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                name = node.module if isinstance(node, ast.ImportFrom) else None
                if name and name.startswith("ros2_nodes.") and name != "ros2_nodes.reasons":
                    assert name.split(".")[1] in (part, *allowed), f"{file} imports {name}"
