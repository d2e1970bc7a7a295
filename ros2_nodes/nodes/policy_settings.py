"""The parameters of a policy node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling
from ros2_nodes.nodes.keys import read_key

#: Name -> (value, meaning). The value's type is the parameter's.
PARAMETERS: dict[str, tuple[Any, str]] = {
    "contract": ("", "path of the robot's contract (YAML)"),
    "overrides": ([""], 'settings of the contract to replace, each "dotted.name=value"'),
    "server": ("ws://127.0.0.1:8000", "address of the model's server; not read with in_process"),
    "api_key_file": ("", "file with the server's key, where it wants one"),
    "certificate_file": ("", "authority to trust for wss, where it is no public one"),
    "connect_timeout_s": (10.0, "how long the server may take to answer at first, loading included"),
    "in_process": (False, "run the model in this process (needs cosmos-policy[model])"),
    "checkpoint": ("", "of a model in this process: tiny, a folder or a hub id"),
    "device": ("", "of a model in this process: cpu, cuda, cuda:1; empty: CUDA where there is one"),
    "instruction": ("", "what to do from the start; empty: wait for one"),
    "seed": (0, "of the first question to the model; each next one gets the next number"),
    "num_inference_steps": (0, "denoising steps; 0: the checkpoint's own"),
    "guidance_scale": (0.0, "classifier-free guidance; 0: the checkpoint's own"),
    "predicted_video": (False, "ask for what the model expects to see and publish it"),
}


@dataclass(frozen=True)
class PolicySettings:
    """As :data:`PARAMETERS`; an empty string or a zero that means "its own" is None here."""

    contract: Path
    overrides: dict[str, Any]
    server: str
    api_key: str | None
    certificate_file: str | None
    connect_timeout_s: float
    in_process: bool
    checkpoint: str | None
    device: str | None
    instruction: str
    seed: int
    sampling: Sampling
    predicted_video: bool


def declare(node: Node) -> None:
    """Declare all parameters."""
    for name, (value, meaning) in PARAMETERS.items():
        node.declare_parameter(name, value, ParameterDescriptor(description=meaning))


def read(node: Node) -> PolicySettings:
    """The parameters as they stand now. Raises :class:`UsageError` in one sentence."""
    given = {name: node.get_parameter(name).value for name in PARAMETERS}
    if not given["contract"]:
        raise UsageError("The parameter contract is empty; give the path of the robot's contract (YAML).")
    if given["in_process"] and not given["checkpoint"]:
        raise UsageError("in_process needs the parameter checkpoint: tiny, a folder or a hub id.")
    if given["seed"] < 0:
        raise UsageError(f"seed is {given['seed']}; expected 0 or more.")
    return PolicySettings(
        contract=Path(given["contract"]),
        overrides=dict(_override(text) for text in given["overrides"] if text),
        server=given["server"],
        api_key=read_key(given["api_key_file"]),
        certificate_file=given["certificate_file"] or None,
        connect_timeout_s=given["connect_timeout_s"],
        in_process=given["in_process"],
        checkpoint=given["checkpoint"] or None,
        device=given["device"] or None,
        instruction=given["instruction"],
        seed=given["seed"],
        sampling=Sampling(given["num_inference_steps"] or None, given["guidance_scale"] or None),
        predicted_video=given["predicted_video"],
    )


def _override(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f'The override {text!r} is not of the form "dotted.name=value".')
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(f"The override {text!r} has a value that is no YAML.") from None
