"""Measures on one GPU of at least 100 GB what docs/engine.md shows: published sizes, random weights."""

from __future__ import annotations

import argparse
import importlib
import logging
from pathlib import Path

from benchmarks.h200.cases import Networks
from benchmarks.h200.journal import Journal

#: section -> what it measures; each is a module of this folder with ``run(journal, networks)``
SECTIONS = {
    "kernels": "one step of a large network: our kernels, torch.compile, CUDA graphs",
    "more_kernels": "the same of a small network, plain torch, and torch.compile's longest search",
    "precision": "distance of bf16 from float32, alone and in batches, beside diffusers'",
    "first_calls": "what warming up takes, and what the first calls with a new prompt cost",
    "table": "the calls, both engines, bf16 and fp8",
    "memory": "offloading, small networks, loading, two hundred calls",
}


def main() -> None:
    lines = "; ".join(f"{name}: {what}" for name, what in SECTIONS.items())
    parser = argparse.ArgumentParser(prog="python -m benchmarks.h200", description=__doc__, epilog=lines)
    parser.add_argument("sections", nargs="+", choices=SECTIONS, metavar="section")
    parser.add_argument("--output", type=Path, required=True, help="folder for one JSON file per section")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments.output.mkdir(parents=True, exist_ok=True)
    networks = Networks()
    for section in arguments.sections:
        module = importlib.import_module(f"benchmarks.h200.{section}")
        module.run(Journal(arguments.output / f"{section}.json"), networks)


if __name__ == "__main__":
    main()
