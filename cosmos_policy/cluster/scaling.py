"""How many replicas a deployment wants: by the requests that it has, and by the deadlines that it missed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: What a replica reports: requests that it has, and deadlines that were missed in the last `MISSES_KEPT_S`.
REQUESTS, MISSES = "requests", "missed_deadlines"
MISSES_KEPT_S = 30.0
#: After a missed deadline nothing is taken away for so long.
CALM_S = 120.0


def wanted_replicas(requests: float, misses: float, running: int, target: int, requests_per_replica: float) -> int:
    """Replicas for `requests` at once; one more than there are as long as deadlines are missed.

    running: replicas that report. target: replicas that were asked for: while those are still starting, old misses ask
    for no more.
    """
    wanted = math.ceil(requests / requests_per_replica)
    if misses > 0:
        return max(wanted, running + 1 if running >= target else target)
    return wanted


def scale(context: Any) -> tuple[int, dict[str, Any]]:
    """Ray Serve's autoscaling policy: an ``AutoscalingContext`` in, the number of replicas and our state out."""
    reported: Mapping[str, Mapping[Any, float]] = context.aggregated_metrics or {}
    requests = max(sum(reported.get(REQUESTS, {}).values()), context.total_num_requests)
    misses = sum(reported.get(MISSES, {}).values())
    target, state = context.target_num_replicas, dict(context.policy_state)
    per_replica = context.config.target_ongoing_requests
    wanted = wanted_replicas(requests, misses, context.current_num_replicas, target, per_replica)
    if misses > 0:
        state["missed_at_s"] = context.current_time
    calm = context.current_time - state.get("missed_at_s", -math.inf) > CALM_S
    if not calm:
        wanted = max(wanted, target)
    lowest, highest = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
    return max(lowest, min(wanted, highest)), state
