"""Names in the cluster."""

from __future__ import annotations

#: Ray's namespace of our actors.
NAMESPACE = "cosmos_policy"
#: Serve's applications: one for the ingress, one for each deployment, so that each is updated apart from the others.
INGRESS_APP = "cosmos-policy-ingress"
#: Serve's names of the deployments inside them.
INGRESS, MODEL = "ingress", "model"
#: The actor that keeps sessions, and what was deployed.
MEMORY = "cosmos-policy-memory"


def app_name(deployment: str) -> str:
    """Serve's application of a deployment."""
    return f"cosmos-policy-model-{deployment}"
