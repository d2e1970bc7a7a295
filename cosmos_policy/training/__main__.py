"""``python -m cosmos_policy.training``: ``cosmos-policy train`` without an installation, and for launchers of modules
(``accelerate launch -m cosmos_policy.training ...``)."""

import logging
import sys

import typer

from cosmos_policy.cli.train import train

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("cosmos_policy").setLevel(logging.INFO)
    typer.run(train)
