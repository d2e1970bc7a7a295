"""What a launch file starts, started: by colcon's installation, with the command line that `launch` writes."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(ros, tmp_path_factory):
    """The prefix that `colcon build` of the whole repository installed the package cosmos_policy into."""
    workspace = tmp_path_factory.mktemp("workspace")
    (workspace / "src").symlink_to(REPOSITORY)
    prefix = ros.python.parent.parent
    if not (prefix / "bin" / "colcon").exists():
        pytest.skip("this ROS has no colcon beside its Python")
    environment = {
        **ros.variables(),
        "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}",
        "AMENT_PREFIX_PATH": str(prefix),
        "CMAKE_PREFIX_PATH": str(prefix),
    }
    settings = ["-G", "Ninja", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={ros.python}"]
    command = [prefix / "bin" / "colcon", "build", "--cmake-args", *settings]
    done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    built = {path.name for path in (workspace / "install").iterdir() if path.is_dir()}
    assert built == {"cosmos_policy", "cosmos_policy_interfaces"}
    return workspace / "install" / "cosmos_policy"


@pytest.fixture
def environment(ros, installed):
    """Of a shell that sourced the installation."""
    (packages,) = installed.glob("lib/python3*/site-packages")
    return {
        **ros.variables(),
        "PYTHONPATH": str(packages),
        "PATH": f"{ros.python.parent}:{os.environ['PATH']}",
        "AMENT_PREFIX_PATH": f"{installed}:{ros.python.parent.parent}",
    }


def test_the_installation_holds_what_ros_looks_for(installed):
    share = installed / "share"
    assert (share / "ament_index" / "resource_index" / "packages" / "cosmos_policy").is_file()
    assert (share / "cosmos_policy" / "package.xml").is_file()
    for name in ("policy", "world_model", "record"):
        assert (share / "cosmos_policy" / "launch" / f"{name}.launch.py").is_file()
    assert (share / "cosmos_policy" / "launch" / "config" / "fastdds.xml").is_file()
    (packages,) = installed.glob("lib/python3*/site-packages")
    assert {path.name for path in packages.iterdir()} >= {"cosmos_policy", "embodiments", "ros2_nodes"}
    interfaces = installed.parent / "cosmos_policy_interfaces" / "share" / "cosmos_policy_interfaces"
    assert (interfaces / "action" / "RunInstruction.action").is_file()


@pytest.mark.parametrize(
    ("executable", "name", "parameters", "reason"),
    [
        ("record_node", "record_node", {"contract": "", "folder": "bag"}, "The parameter contract is empty"),
        ("world_model_node", "world_model_node", {"in_process": True}, "in_process needs the parameters checkpoint"),
    ],
)
def test_a_node_reads_the_parameter_file_of_launch(
    installed, environment, tmp_path, executable, name, parameters, reason
):
    file = tmp_path / "launch_params"
    file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
    command = [installed / "lib" / "cosmos_policy" / executable, "--ros-args", "-r", f"__node:={name}", "-r", "__ns:=/"]
    done = subprocess.run(
        [*command, "--params-file", file], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert reason in done.stderr and "Traceback" not in done.stderr


def test_the_launch_file_runs_under_a_real_launch_service(installed, environment, ros):
    present = subprocess.run([ros.python, "-c", "import launch_ros.actions"], env=environment, capture_output=True)
    if present.returncode != 0:
        pytest.skip("launch_ros is not installed here (there is no wheel of it)")
    script = (
        "import sys, launch; from launch.launch_description_sources import PythonLaunchDescriptionSource as S;"
        "from launch.actions import IncludeLaunchDescription as I, TimerAction as T, Shutdown as D;"
        "s = launch.LaunchService(); s.include_launch_description(launch.LaunchDescription([I(S(sys.argv[1]),"
        "launch_arguments=[('server', 'ws://127.0.0.1:9'), ('connect_timeout_s', '0.5')]), T(period=8.0,"
        "actions=[D()])])); sys.exit(s.run())"
    )
    path = installed / "share" / "cosmos_policy" / "launch" / "policy.launch.py"
    done = subprocess.run(
        [ros.python, "-c", script, str(path)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "No server answers at ws://127.0.0.1:9" in done.stdout + done.stderr
