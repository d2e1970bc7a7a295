"""What keeps a robot whole, in plain Python: limits, checks, watchdog, gate, stops, and the states between them."""

from ros2_nodes.safety.consistency import chunk_causes
from ros2_nodes.safety.distances import jump_causes, tracking_causes
from ros2_nodes.safety.hand_stops import HandStops
from ros2_nodes.safety.limits import Limits
from ros2_nodes.safety.measurements import MeasurementCheck
from ros2_nodes.safety.safety_filter import Admitted, Rejected, SafetyFilter
from ros2_nodes.safety.standstill import StandstillCheck
from ros2_nodes.safety.start_gate import StartGate
from ros2_nodes.safety.states import SafetyState, SafetyStates
from ros2_nodes.safety.watchdog import Watchdog

__all__ = [
    "Admitted",
    "HandStops",
    "Limits",
    "MeasurementCheck",
    "Rejected",
    "SafetyFilter",
    "SafetyState",
    "SafetyStates",
    "StandstillCheck",
    "StartGate",
    "Watchdog",
    "chunk_causes",
    "jump_causes",
    "tracking_causes",
]
