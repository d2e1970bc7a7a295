"""When which request is computed: a bounded queue, batches as large as deadlines allow, nothing stale."""

from cosmos_policy.server.scheduling.scheduler import Scheduler
from cosmos_policy.server.scheduling.ticket import Computed, Ticket

__all__ = ["Computed", "Scheduler", "Ticket"]
