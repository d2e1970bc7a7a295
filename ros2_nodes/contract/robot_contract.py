"""The whole contract of one robot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from ros2_nodes.contract.base import Name, Part, Positive
from ros2_nodes.contract.limits import JointLimits, Limits
from ros2_nodes.contract.outputs import JointOutput, Output, PoseOutput
from ros2_nodes.contract.settings import DriftSettings, ExecutionSettings, SafetySettings
from ros2_nodes.contract.stops import Stops
from ros2_nodes.contract.streams import GripperStream, InstructionStream, StateStream, Stream, ViewStream

_LIMITS_OF = {
    "joint_trajectory": "joints",
    "joint_positions": "joints",
    "pose": "pose",
    "twist": "pose",
    "path": "path",
}


class RobotContract(Part):
    """One robot: what it sends (`streams`, by name), what stops it, what it takes (`outputs`, by name), what may never
    be exceeded (`limits`, by the output's name), and how chunks are executed. Made by :func:`load_contract`."""

    embodiment: Name
    """A name of ours, or the path of a robot file (.yaml), relative to the contract."""
    control_rate_hz: Positive
    """How often the robot is looked at and the safety of the motion is judged: ticks a second."""
    streams: Annotated[dict[Name, Stream], Field(min_length=1)]
    stops: Stops
    outputs: Annotated[dict[Name, Output], Field(min_length=1)]
    limits: dict[Name, Limits]
    execution: ExecutionSettings
    safety: SafetySettings
    drift: DriftSettings = DriftSettings()
    folder: Annotated[Path, Field(exclude=True)] = Path()
    """Where relative paths start; set by :func:`load_contract`."""

    @property
    def control_period_s(self) -> float:
        return 1.0 / self.control_rate_hz

    @property
    def views(self) -> dict[str, ViewStream]:
        return {name: stream for name, stream in self.streams.items() if isinstance(stream, ViewStream)}

    @property
    def states(self) -> dict[str, StateStream | GripperStream]:
        """What is put into the observation's state."""
        return {
            name: stream
            for name, stream in self.streams.items()
            if (isinstance(stream, StateStream) and stream.role == "state")
            or (isinstance(stream, GripperStream) and not stream.feedback_only)
        }

    @property
    def sampled(self) -> dict[str, ViewStream | StateStream | GripperStream]:
        """Everything that must be there, fresh, at a tick."""
        return {name: stream for name, stream in self.streams.items() if not isinstance(stream, InstructionStream)}

    @property
    def instruction(self) -> InstructionStream | None:
        return next((stream for stream in self.streams.values() if isinstance(stream, InstructionStream)), None)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> RobotContract:
        if sum(isinstance(stream, InstructionStream) for stream in self.streams.values()) > 1:
            raise ValueError("only one stream may be the instruction")
        self._topics_differ()
        for name, output in self.outputs.items():
            self._has_limits(name, output)
            if isinstance(output, (JointOutput, PoseOutput)):
                self._is_measured(name, output)
        strangers = sorted(set(self.limits) - set(self.outputs))
        if strangers:
            raise ValueError(f"limits are given for {', '.join(strangers)}, which is no output")
        return self

    def _topics_differ(self) -> None:
        seen: dict[str, str] = {}
        for name, output in self.outputs.items():
            if output.topic in seen:
                raise ValueError(f"the outputs {seen[output.topic]} and {name} share the topic {output.topic}")
            seen[output.topic] = name

    def _has_limits(self, name: str, output: Output) -> None:
        wanted = _LIMITS_OF.get(output.kind, "gripper")
        limits = self.limits.get(name)
        if limits is None or limits.of != wanted:
            given = "none" if limits is None else f"limits of {limits.of}"
            raise ValueError(f"the output {name} ({output.kind}) needs limits of {wanted}, but has {given}")
        if isinstance(limits, JointLimits):
            for field in ("lower", "upper", "velocity", "acceleration", "jerk"):
                count = len(getattr(limits, field))
                if count not in (1, len(output.joints)):
                    raise ValueError(
                        f"the {field} limits of {name} are {count} numbers for {len(output.joints)} joints"
                    )
            if limits.workspace is not None and output.kinematics is None:
                raise ValueError(f"the output {name} has a workspace but no kinematics to know where its tool is")
            if any(low >= high for low, high in zip(*_broadcast(limits.lower, limits.upper), strict=True)):
                raise ValueError(f"the lower limits of {name} must be below the upper ones")

    def _is_measured(self, name: str, output: JointOutput | PoseOutput) -> None:
        stream = self.streams.get(output.measured_by)
        if not isinstance(stream, StateStream):
            raise ValueError(
                f"the output {name} is measured by {output.measured_by!r}, no stream of role state or feedback"
            )
        if isinstance(output, JointOutput):
            missing = [joint for joint in output.joints if joint not in (stream.joints or ())]
            if missing:
                raise ValueError(f"{output.measured_by}, which measures {name}, does not hold {', '.join(missing)}")
        elif not stream.is_pose or stream.encoding in ("xyz", "quaternion_xyzw"):
            raise ValueError(f"the output {name} is a pose, but {output.measured_by!r} measures none")
        elif stream.frame != output.frame:
            raise ValueError(
                f"the output {name} is in {output.frame}, but {output.measured_by!r} measures in {stream.frame}"
            )


def _broadcast(lower: list[float], upper: list[float]) -> tuple[list[float], list[float]]:
    count = max(len(lower), len(upper))
    return lower * (count // len(lower)), upper * (count // len(upper))
