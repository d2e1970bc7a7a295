"""What tests of server and client share: servers to start, and what robots send."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import cosmos_policy
import embodiments
from cosmos_policy import Observation
from cosmos_policy.server.background import BackgroundServer

HERE = Path(__file__).parent


def scripted_server(*, scheme="http", ready_s=60.0, **settings):
    """A server with the scripted model; `settings` as :class:`ServerSettings` has them."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "launch.py"), json.dumps(settings)]
    return BackgroundServer(command=command, environment=environment, scheme=scheme, ready_s=ready_s)


@contextmanager
def connected(server, **options):
    with cosmos_policy.connect(server.socket, **options) as model:
        yield model


def sighting(seed=0, embodiment="droid_joint", size=None):
    """What a robot sees; `size` (height, width) of its pictures."""
    robot = embodiments.get(embodiment)
    example = robot.example_observation(seed=seed)
    images = example["images"]
    if size is not None:
        generator = np.random.default_rng(seed)
        images = {view: generator.integers(0, 256, (*size, 3), dtype=np.uint8) for view in robot.views}
    return Observation(images, example["state"], stamp=100.0 + seed)


def droid_message(seed=0, size=(36, 64), **more):
    """An openpi DROID message with all three cameras."""
    seen = sighting(seed, size=size)
    return {
        "observation/wrist_image_left": seen.images["wrist"],
        "observation/exterior_image_1_left": seen.images["exterior_1"],
        "observation/exterior_image_2_left": seen.images["exterior_2"],
        "observation/joint_position": seen.state["joint_position"],
        "observation/gripper_position": seen.state["gripper_position"],
        "prompt": "put the banana in the bowl",
        **more,
    }
