"""The launch files, read without ROS: whatever they name is there."""

import ast
from pathlib import Path

import pytest
import tomllib

import embodiments
from ros2_nodes.contract import check_against, load_contract

REPOSITORY = Path(__file__).parents[2]
LAUNCH = REPOSITORY / "launch"
FILES = sorted(LAUNCH.glob("*.launch.py"))
CONTRACTS = sorted((LAUNCH / "config").glob("*.yaml"))
#: Declared by rclpy itself.
OF_EVERY_NODE = {"use_sim_time"}
#: What the constructors of launch and launch_ros take (read in their sources): how many arguments without a name at
#: most, and the names that we use. `launch` itself cannot be installed everywhere that these tests run.
CONSTRUCTORS = {
    "DeclareLaunchArgument": (1, {"default_value", "description"}),
    "EmitEvent": (0, {"event"}),
    "ExecuteProcess": (0, {"cmd", "name", "on_exit"}),
    "OpaqueFunction": (0, {"function"}),
    "RegisterEventHandler": (1, set()),
    "SetEnvironmentVariable": (2, set()),
    "Shutdown": (0, set()),
    "OnProcessStart": (0, {"target_action", "on_start"}),
    "LaunchConfiguration": (1, set()),
    "LaunchDescription": (1, set()),
    "Node": (0, {"package", "executable", "name", "namespace", "output", "parameters"}),
    "LifecycleNode": (0, {"package", "executable", "name", "namespace", "output", "parameters"}),
    "OnStateTransition": (0, {"target_lifecycle_node", "start_state", "goal_state", "entities"}),
    "ChangeState": (0, {"lifecycle_node_matcher", "transition_id"}),
    "matches_action": (1, set()),
}
PARAMETERS_OF = {"policy_node": "policy_settings", "world_model_node": "world_model_node", "record_node": "record_node"}


def dictionary(path, name):
    """The keys of a dictionary literal that a module assigns to this name."""
    for node in ast.walk(ast.parse(path.read_text())):
        target = getattr(node, "target", None) or (getattr(node, "targets", None) or [None])[0]
        if isinstance(target, ast.Name) and target.id == name and isinstance(node.value, ast.Dict):
            return {ast.literal_eval(key) for key in node.value.keys}
    raise AssertionError(f"{path} assigns no dictionary to {name}")


def calls(path, name):
    tree = ast.parse(path.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == name]


def nodes(path):
    """(executable, parameters) of every node that a launch file starts."""
    for call in [*calls(path, "Node"), *calls(path, "LifecycleNode")]:
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        assert ast.literal_eval(given["package"]) == "cosmos_policy"
        parameters = {ast.literal_eval(key) for group in given["parameters"].elts for key in group.keys}
        yield ast.literal_eval(given["executable"]), parameters


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_argument_that_is_read_is_declared_and_the_other_way_round(path):
    read = {
        ast.literal_eval(node.slice)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "given"
    }
    assert read == dictionary(path, "ARGUMENTS")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_executable_is_installed_and_takes_the_parameters(path):
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    found = list(nodes(path))
    assert found
    for executable, parameters in found:
        assert (LAUNCH / "executables" / executable).stat().st_mode & 0o111
        assert scripts[executable] == f"ros2_nodes.nodes.{executable}:main"
        declared = dictionary(REPOSITORY / "ros2_nodes" / "nodes" / f"{PARAMETERS_OF[executable]}.py", "PARAMETERS")
        assert parameters <= declared | OF_EVERY_NODE


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_comes_from_launch_is_made_as_launch_takes_it(path):
    tree = ast.parse(path.read_text())
    modules = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {
        name.name for node in modules if node.module.split(".")[0] in ("launch", "launch_ros") for name in node.names
    }
    assert names <= set(CONSTRUCTORS)
    for name in names:
        positional, keywords = CONSTRUCTORS[name]
        for call in calls(path, name):
            assert len(call.args) <= positional, f"line {call.lineno}: {name} wants names of its arguments"
            assert {keyword.arg for keyword in call.keywords} <= keywords, f"line {call.lineno}: {name}"


def test_cmake_installs_every_launch_file_and_executable():
    script = (LAUNCH / "CMakeLists.txt").read_text()
    for path in [*FILES, *(LAUNCH / "executables").iterdir()]:
        assert path.name in script


def test_there_is_a_contract_for_each_robot_of_the_documentation():
    wanted = {"droid", "droid_joint", "ur", "dual_franka", "umi", "agibot", "av"}
    assert {path.stem for path in CONTRACTS} == wanted


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_fits_the_embodiment_that_it_is_named_after(path):
    assert check_against(load_contract(path)).name == path.stem
    assert path.stem in embodiments.names()
