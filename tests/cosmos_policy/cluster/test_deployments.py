"""What is deployed: from options and from a file, with wrong values told."""

import pytest

from cosmos_policy.cli.main import app
from cosmos_policy.cluster.deployments_file import parse_replicas, read_deployments
from cosmos_policy.cluster.settings import ClusterSettings, Deployment
from cosmos_policy.cluster.updating import changes
from cosmos_policy.errors import UsageError
from cosmos_policy.server.settings import ModelSource, ServerSettings

FILE = """
deployments:
  - name: policy
    checkpoint: nvidia/Cosmos3-Nano-Policy-DROID
    calls: [policy]
    replicas: {minimum: 2, maximum: 6}
    gpus: 1
  - name: reasoner
    checkpoint: tiny
    calls: [reason]
    cpus: 0.5
"""


def deployment(name="model", checkpoint="tiny", **more):
    return Deployment(name, ModelSource("loader:load", {"checkpoint": checkpoint}), **more)


def cluster(*deployments, embodiment="droid_joint"):
    return ClusterSettings(ServerSettings(ModelSource("loader:load"), embodiment), deployments)


def test_a_file_names_models_calls_and_replicas(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_text(FILE)
    policy, reasoner = read_deployments(path)
    assert (policy.scale.minimum, policy.scale.maximum, policy.gpus, policy.calls) == (2, 6, 1.0, ("policy",))
    assert (reasoner.scale.maximum, reasoner.model.options["checkpoint"], reasoner.cpus) == (1, "tiny", 0.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("deployments: [{name: a}]", "deployments.0.checkpoint: Field required"),
        ("deployments: [{name: a, checkpoint: tiny, call: [policy]}]", "deployments.0.call"),
        ("deployments: [{name: a, checkpoint: tiny, calls: [dance]}]", "'dance'; the calls are policy"),
        ("deployments: [{name: a, checkpoint: tiny, replicas: 0}]", "replicas are 0 to 0"),
        ("deployments: [", "is no YAML"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(tmp_path, text, told):
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_deployments(path)
    assert told in str(caught.value)


def test_two_deployments_of_one_name_are_refused():
    with pytest.raises(UsageError, match="model twice"):
        cluster(deployment(), deployment())


@pytest.mark.parametrize(("text", "bounds"), [("3", (3, 3)), ("2:6", (2, 6))])
def test_replicas_are_a_number_or_a_range(text, bounds):
    scale = parse_replicas(text, 0)
    assert (scale.minimum, scale.maximum) == bounds


@pytest.mark.parametrize("text", ["", "two", "1:", "6:2", "0"])
def test_replicas_that_cannot_be_are_refused(text):
    with pytest.raises(UsageError):
        parse_replicas(text, 0)


def test_an_update_replaces_what_is_another_thing_now_and_nothing_else():
    running = cluster(deployment("a", gpus=0.0), deployment("b", gpus=0.0))
    assert changes(running, cluster(deployment("a"), deployment("b"))) == []
    changed = changes(running, cluster(deployment("b", "other")))
    assert [(each.name, each.model.options["checkpoint"], each.gpus) for each in changed] == [("b", "other", 0.0)]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (cluster(deployment("c")), "no deployment 'c'"),
        (cluster(deployment(), embodiment="droid"), "serves 'droid_joint', not 'droid'"),
        (cluster(deployment(calls=("policy",))), "calls of 'model' cannot be changed"),
    ],
)
def test_what_an_update_cannot_change_is_told(wanted, told):
    with pytest.raises(UsageError, match=told):
        changes(cluster(deployment()), wanted)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--update", "--checkpoint", "tiny", "--embodiment", "droid"], "need --ray"),
        (["--checkpoint", "tiny", "--embodiment", "droid", "--replicas", "2"], "need --ray"),
        (["--ray", "--embodiment", "droid"], "Say what to serve"),
        (["--ray", "local", "--detach", "--checkpoint", "tiny", "--embodiment", "droid"], "ends with this command"),
        (["--ray", "ray://head:10001", "--checkpoint", "tiny", "--embodiment", "droid"], "client proxy"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_starts(arguments, told):
    if "local" in arguments or "ray://head:10001" in arguments:
        pytest.importorskip("ray", reason="cosmos-policy[ray] is not installed")
    with pytest.raises(UsageError, match=told):
        app(["serve", *arguments], standalone_mode=False)
