"""Does the robot here fit the embodiment there? Asked once, before anything moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import embodiments
from cosmos_policy.errors import UsageError
from cosmos_policy.wire.contract import describe_embodiment, require_agreement
from embodiments import Embodiment
from ros2_nodes.contract.outputs import Gripper, JointOutput, Output
from ros2_nodes.contract.robot_contract import RobotContract
from ros2_nodes.contract.streams import GripperStream, StateStream

_POSE_SHAPES = {
    "xyz_euler_xyz": [6],
    "xyz_quaternion_xyzw": [7],
    "xyz_quaternion_wxyz": [7],
    "matrix": [4, 4],
    "xyz": [3],
    "quaternion_xyzw": [4],
}


def check_against(
    contract: RobotContract, info: Mapping[str, Any] | None = None, where: str = "the server"
) -> Embodiment:
    """The embodiment of the contract, with the chunk size that the server speaks, once everything fits.

    info: what the server says at /info (its key "embodiment" is compared); None where the model is in this process.
    Raises :class:`UsageError` in one sentence that names the first thing that differs.
    """
    embodiment = embodiment_of(contract)
    told = describe_embodiment(embodiment)
    if info is not None:
        if "embodiment" not in info:
            raise UsageError(f"{where} does not say at /info which embodiment it serves: is it a cosmos-policy server?")
        require_agreement(told, info["embodiment"], where, own_normalizer=_in_a_file(contract))
        # How long a chunk is, is the checkpoint's to say.
        embodiment = replace(embodiment, chunk_size=info["embodiment"]["chunk_size"])
    _check_views(contract, told)
    _check_states(contract, told)
    commands = {command["name"]: command for command in told["commands"]}
    for output_name, output in contract.outputs.items():
        _check_output(output_name, output, commands, told["name"])
    _check_horizon(contract, embodiment)
    return embodiment


def embodiment_of(contract: RobotContract) -> Embodiment:
    """The embodiment that the contract names, as it is shipped or as its robot file says."""
    return embodiments.get(contract.folder / contract.embodiment if _in_a_file(contract) else contract.embodiment)


def _in_a_file(contract: RobotContract) -> bool:
    return contract.embodiment.endswith((".yaml", ".yml"))


def _check_views(contract: RobotContract, told: Mapping[str, Any]) -> None:
    if set(contract.views) != set(told["views"]):
        raise UsageError(
            f"the contract feeds the views {_list(contract.views)}, but {told['name']} has {_list(told['views'])}: "
            "give each view one stream of its name with the role view."
        )


def _check_states(contract: RobotContract, told: Mapping[str, Any]) -> None:
    wanted = {state["name"]: state for state in told["state"]}
    if set(contract.states) != set(wanted):
        raise UsageError(
            f"the contract feeds the state {_list(contract.states)}, but {told['name']} reads {_list(wanted)}: give "
            "each state one stream of its name, and others the role feedback."
        )
    for name, stream in contract.states.items():
        state, shape = wanted[name], _shape(stream)
        if shape != state["shape"]:
            raise UsageError(
                f"the stream {name} makes a state of shape {shape}, but {told['name']} reads {state['shape']} "
                f"({state['meaning']}, {state['unit']})."
            )
        if isinstance(stream, StateStream) and ("deg" in state["unit"].split(", ")) != (stream.unit == "deg"):
            raise UsageError(f"{told['name']} reads {name} in {state['unit']}, but the contract says {stream.unit}.")


def _shape(stream: StateStream | GripperStream) -> list[int]:
    if isinstance(stream, GripperStream):
        return [1]
    return [len(stream.joints)] if stream.joints is not None else _POSE_SHAPES[stream.encoding]


def _check_output(name: str, output: Output, commands: Mapping[str, Mapping[str, Any]], robot: str) -> None:
    joints = isinstance(output, JointOutput) and output.kinematics is None
    single = joints or isinstance(output, Gripper)
    needed = [output.command] if single else [f"{output.command}_position", f"{output.command}_quaternion_xyzw"]
    missing = [command for command in needed if command not in commands]
    if missing:
        raise UsageError(
            f"the output {name} sends {_list(missing)}, which {robot} does not command; it commands {_list(commands)}."
        )
    size = math.prod(commands[needed[0]]["shape"])
    expected = len(output.joints) if joints else 1 if single else 3
    if size != expected:
        raise UsageError(
            f"the output {name} sends {expected} numbers, but {robot}'s {needed[0]} has {size} "
            f"({commands[needed[0]]['meaning']})."
        )
    unit = commands[needed[0]]["unit"]
    if joints and ("deg" in unit.split(", ")) != (output.unit == "deg"):
        raise UsageError(f"{robot} commands {output.command} in {unit}, but the output {name} says {output.unit}.")


def _check_horizon(contract: RobotContract, embodiment: Embodiment) -> None:
    horizon, size = contract.execution.execution_horizon, embodiment.chunk_size
    if horizon >= size:
        raise UsageError(
            f"execution_horizon is {horizon}, but a chunk of {embodiment.name} has {size} actions: choose fewer, so "
            "that the next chunk is there before the last action is used up."
        )


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
