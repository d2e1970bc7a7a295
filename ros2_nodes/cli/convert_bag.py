"""``cosmos-policy convert-bag``: from a recorded bag to a LeRobot dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.errors import UsageError


def convert_bag(
    bag: Annotated[Path, typer.Argument(help="The folder that record_node wrote.")],
    folder: Annotated[Path, typer.Argument(help="Where the dataset is to be; a new folder.")],
    contract: Annotated[Path, typer.Option(help="The contract that was recorded with.")],
) -> None:
    """Make a LeRobot dataset of a recording, for replay and training.

    Example: cosmos-policy convert-bag recordings/monday datasets/monday --contract launch/config/droid_joint.yaml
    """
    from cosmos_policy.datasets.writing import write
    from ros2_nodes.contract import check_against, load_contract
    from ros2_nodes.recording.bag_reader import read
    from ros2_nodes.recording.episodes import episodes

    if not bag.is_dir():
        raise UsageError(f"{bag} is no folder; expected one that record_node wrote.")
    known = load_contract(contract)
    robot = check_against(known)
    runs, frames = write(folder, episodes(read(bag, known), known, robot.fps), robot)
    print(f"{folder}: {runs} episode{'s' * (runs != 1)}, {frames} frames at {robot.fps:g} Hz")
