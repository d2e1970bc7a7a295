"""``serve --ray ADDRESS --update``: other checkpoints for deployments that run, replica by replica."""

from __future__ import annotations

import logging
from dataclasses import replace

from cosmos_policy.cluster.connection import connected
from cosmos_policy.cluster.names import MEMORY, NAMESPACE, app_name
from cosmos_policy.cluster.run import check_together, facts_of, running_plan
from cosmos_policy.cluster.settings import ClusterSettings, Deployment
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.server.logs import configure_logging

logger = logging.getLogger(__name__)


def update(settings: ClusterSettings, address: str) -> None:
    """Replace the replicas of every deployment that is another one now; the others, and the ingresses, stay.

    A replica is sent nothing more, finishes what it has, and ends; the next one takes its place. A checkpoint whose
    robot is not the one that connected clients agreed on is refused by its first replica, and the old ones stay.
    Raises :class:`UsageError` or :class:`Failure` in one sentence.
    """
    configure_logging()
    with connected(address) as ray:
        from cosmos_policy.cluster import deploying

        running = running_plan(ray)
        if running is None:
            raise UsageError(f"No Cosmos Policy server runs in the cluster at {address!r}: leave out --update.")
        changed = changes(running, settings)
        if not changed:
            logger.info("nothing is different: the server runs what was asked for")
            return
        before = {each.name: facts_of(each.name) for each in running.deployments}
        applications = {
            app_name(each.name): deploying.model_application(running, each, before[each.name]["embodiment"])
            for each in changed
        }
        deploying.start(applications)
        try:
            for now in deploying.progress(list(applications)):
                for name, words in now.items():
                    logger.info("%s is %s", name, words)
        except Failure as failure:
            raise Failure(f"The update stopped, and replicas of the old checkpoint go on serving: {failure}") from None
        by_name = {each.name: each for each in changed}
        plan = replace(running, deployments=tuple(by_name.get(each.name, each) for each in running.deployments))
        check_together(plan.deployments, {each.name: facts_of(each.name) for each in plan.deployments})
        ray.get(ray.get_actor(MEMORY, NAMESPACE).set_plan.remote(plan))
        for each in changed:
            logger.info("every replica of %s answers with %s", each.name, each.model.options.get("checkpoint"))


def changes(running: ClusterSettings, wanted: ClusterSettings) -> list[Deployment]:
    """Deployments of `wanted` that are another thing than those that run. Raises :class:`UsageError` for what an update
    cannot change."""
    known = {each.name: each for each in running.deployments}
    strangers = [each.name for each in wanted.deployments if each.name not in known]
    if strangers:
        raise UsageError(
            f"The server has no deployment {', '.join(map(repr, strangers))}; it has {', '.join(known)}. An update "
            "changes checkpoints: to add a deployment, start the server again."
        )
    if wanted.server.embodiment != running.server.embodiment:
        raise UsageError(
            f"The server serves {running.server.embodiment!r}, not {wanted.server.embodiment!r}: robots are connected; "
            "start another server."
        )
    changed = []
    for each in wanted.deployments:
        old = known[each.name]
        new = replace(each, gpus=old.gpus if each.gpus is None else each.gpus)
        if new.calls != old.calls:
            raise UsageError(f"The calls of {each.name!r} cannot be changed by an update; start the server again.")
        if new != old:
            changed.append(new)
    return changed
