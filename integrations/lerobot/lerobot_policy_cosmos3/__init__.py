"""Cosmos 3 as a policy of LeRobot: importing this makes the type "cosmos3" known (LeRobot does it by itself)."""

from lerobot_policy_cosmos3.configuration_cosmos3 import Cosmos3Config

__all__ = ["Cosmos3Config"]
