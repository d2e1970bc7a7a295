"""How many GPUs a fleet needs: a queueing simulation with measured service times.

    measured (bench.json) + fleet (robots, GPUs, limits) -> simulation (one run) -> sizing (how many, what fails first)

The simulated server batches, orders and refuses as :mod:`cosmos_policy.server.scheduling` does.
"""

from cosmos_policy.capacity.fleet import Fleet, Site
from cosmos_policy.capacity.measured import MeasuredService, read_measured
from cosmos_policy.capacity.simulation import Outcome, simulate
from cosmos_policy.capacity.sizing import Plan, plan

__all__ = ["Fleet", "MeasuredService", "Outcome", "Plan", "Site", "plan", "read_measured", "simulate"]
