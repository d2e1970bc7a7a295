"""What can be asked of a model about a recorded window. A call is added by adding one file here and one line below."""

from __future__ import annotations

from collections.abc import Mapping

from cosmos_policy.errors import UsageError
from sim_eval.replay.calls.base import Call
from sim_eval.replay.calls.calibration import CalibrationCall
from sim_eval.replay.calls.cycle import CycleCall
from sim_eval.replay.calls.forward_dynamics import ForwardDynamicsCall
from sim_eval.replay.calls.inverse_dynamics import InverseDynamicsCall
from sim_eval.replay.calls.policy import PolicyCall

CALLS: Mapping[str, Call] = {
    call.name: call
    for call in (PolicyCall(), InverseDynamicsCall(), ForwardDynamicsCall(), CycleCall(), CalibrationCall())
}

__all__ = ["CALLS", "Call", "choose_calls"]


def choose_calls(text: str) -> tuple[str, ...]:
    """Names from ``"policy,forward-dynamics"``, in the order of ``CALLS``; an unknown one is a :class:`UsageError`."""
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in CALLS]
    if unknown or not wanted:
        what = f"names {unknown[0]!r}, which does not exist" if unknown else "is empty"
        raise UsageError(f"--calls {what}; choose from {', '.join(CALLS)}.")
    return tuple(name for name in CALLS if name in wanted)
