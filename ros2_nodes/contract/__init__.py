"""What one robot sends and takes, as a YAML file: streams in, commands out, limits, and how chunks are executed."""

from ros2_nodes.contract.agreement import check_against, embodiment_of
from ros2_nodes.contract.limits import GripperLimits, JointLimits, PoseLimits
from ros2_nodes.contract.outputs import Gripper, JointOutput, Kinematics, Output, PathOutput, PoseOutput
from ros2_nodes.contract.reading import load_contract
from ros2_nodes.contract.robot_contract import RobotContract
from ros2_nodes.contract.settings import DriftSettings, ExecutionSettings, SafetySettings
from ros2_nodes.contract.stops import Stops
from ros2_nodes.contract.streams import GripperStream, InstructionStream, StateStream, Stream, ViewStream

__all__ = [
    "DriftSettings",
    "ExecutionSettings",
    "Gripper",
    "GripperLimits",
    "GripperStream",
    "InstructionStream",
    "JointLimits",
    "JointOutput",
    "Kinematics",
    "Output",
    "PathOutput",
    "PoseLimits",
    "PoseOutput",
    "RobotContract",
    "SafetySettings",
    "StateStream",
    "Stops",
    "Stream",
    "ViewStream",
    "check_against",
    "embodiment_of",
    "load_contract",
]
