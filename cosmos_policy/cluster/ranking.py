"""Which replica an errand goes to: pure decisions, from what is known of each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from cosmos_policy.cluster.errand import Errand

#: A replica that has read the prompt is preferred while it has at most so many requests more than the idlest one:
#: reading a prompt again costs less than waiting behind a whole batch.
SLACK = 2


def rank(
    loads: Mapping[str, int], errand: Errand, holders: Collection[str], latest: str | None, slack: int = SLACK
) -> list[str]:
    """All replicas, the best first.

    loads: replica -> requests that it has. holders: replicas that have read the errand's prompt. latest: where this
    session's last request went.
    """
    if errand.stay and latest in loads and latest not in errand.avoid:
        rest = [name for name in loads if name != latest]
        return [latest, *sorted(rest, key=lambda name: loads[name])]
    idlest = min(loads.values(), default=0)

    def badness(name: str) -> tuple[bool, bool, int, int]:
        holds = name in holders and loads[name] <= idlest + slack
        # Equal otherwise: every ingress takes the same one for the same prompt, and different ones for different ones.
        return name in errand.avoid, not holds, loads[name], _lot(errand.affinity, name)

    return sorted(loads, key=badness)


def _lot(affinity: str, replica: str) -> int:
    """A number that is the same everywhere (rendezvous hashing, Thaler and Ravishankar 1998)."""
    return int.from_bytes(hashlib.blake2b(f"{affinity}\0{replica}".encode(), digest_size=6).digest(), "big")
