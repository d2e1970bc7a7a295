"""policy_node when the world around it ends or lies: the server, the clock, the quality of service, its operator."""

import sys

import pytest
from faults import Fault, reaction
from rig import CONTRACT, rig, smooth_server

from cosmos_policy.server.background import BackgroundServer
from ros2_nodes.contract import load_contract

SERVE = [sys.executable, "-c", "from cosmos_policy.cli.main import run; run()", "serve"]


@pytest.fixture(scope="module")
def contract():
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def moods(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "moods.json"


@pytest.fixture(scope="module")
def server(moods):
    with smooth_server(moods, latency_ms=300.0) as server:
        yield server


@pytest.fixture(scope="module")
def processes(ros, contract, server):
    """(robot, node): up, unconfigured."""
    with rig(ros, contract, server.socket, robot={"clock": True, "still": True}, instruction="swing") as (robot, node):
        robot.wait("the node's services", lambda: robot.do("ready"))
        yield robot, node


@pytest.fixture
def unconfigured(processes, server):
    robot, node = processes
    robot.do("heal")
    state = robot.do("lifecycle")
    for label in {"active": ["deactivate", "cleanup"], "inactive": ["cleanup"]}.get(state, []):
        assert robot.do("transition", label=label)
    parameters = {"contract": str(CONTRACT), "overrides": [""], "server": server.socket, "in_process": False}
    assert robot.do("set", **parameters, connect_timeout_s=10.0, use_sim_time=False)
    robot.do("forget")
    node.lines.clear()
    return robot, node


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"contract": ""}, "The parameter contract is empty"),
        ({"contract": "/nowhere.yaml"}, "/nowhere.yaml"),
        ({"overrides": ["execution"]}, 'not of the form "dotted.name=value"'),
        ({"overrides": ["execution.prefix=perhaps"]}, "execution.prefix"),
        ({"server": "ws://127.0.0.1:9", "connect_timeout_s": 0.5}, "No server answers at"),
        ({"in_process": True}, "in_process needs the parameter checkpoint"),
    ],
)
def test_what_cannot_be_configured_is_refused_in_one_sentence(unconfigured, parameters, sentence):
    robot, node = unconfigured
    assert robot.do("set", **parameters)
    assert not robot.do("transition", label="configure")
    assert robot.do("lifecycle") == "unconfigured"
    robot.wait("the reason in the log", lambda: sentence in node.log)
    assert "Traceback" not in node.log


def test_a_camera_whose_quality_of_service_cannot_match_is_named_and_nothing_moves(unconfigured):
    robot, _ = unconfigured
    assert robot.do("set", overrides=["streams.wrist.qos=reliable"])
    robot.activate()
    missing = lambda: any(cause.startswith("stream_missing: wrist") for cause in robot.do("status")["reasons"])  # noqa: E731
    robot.wait("a missing stream", lambda: robot.do("status") and missing())
    told = robot.wait("diagnostics", lambda: robot.do("diagnostics"))[-1]["observations"]
    assert "/cameras/wrist/image_raw offers another RELIABILITY" in told["message"]
    assert robot.do("status")["state"] == "starting"
    assert robot.do("record")["arrivals"] == []


def test_a_jump_of_the_clock_holds(unconfigured):
    robot, _ = unconfigured
    calm = ["safety.max_clock_jump_ms=1000", "streams.joint_position.max_age_ms=500"]
    assert robot.do("set", overrides=calm, use_sim_time=True)
    robot.activate()
    fault = Fault(0.01, ("clock_jump",), ("clock_jumps", 0.0))
    for jump in (5.0, -5.0):
        robot.wait_state("running")
        robot.do("fault", name="clock_jumps", value=jump)
        robot.wait("a hold because of it", lambda: reaction(robot, fault).seconds is not None)
        assert reaction(robot, fault).in_time, reaction(robot, fault)
    robot.wait_state("running")
    assert robot.do("record")["violations"] == []


def test_the_drift_alarm_holds_where_cameras_see_what_the_model_did_not_expect(unconfigured, moods):
    robot, _ = unconfigured
    # Slowed chunks are not compared, and after a start chunks are slowed.
    settings = ["drift.enabled=true", "drift.hold_below=0.3", "safety.hold_limit_s=120", "safety.start_ramp_s=0"]
    assert robot.do("set", overrides=settings)
    robot.activate()
    robot.wait("a good score", lambda: (robot.do("status") or {"drift_score": -1.0})["drift_score"] > 0.4)
    robot.do("mark")
    moods.write_text('{"dream": true}')
    alarm = Fault(0.0, ("drift",))
    robot.wait("a hold because of it", lambda: reaction(robot, alarm).seconds is not None)
    moods.unlink()
    robot.wait_state("running")


def test_a_killed_server_holds_and_one_of_another_robot_in_its_place_stops(unconfigured, server):
    robot, node = unconfigured
    assert robot.do("set", overrides=["safety.hold_limit_s=300"])
    robot.activate()
    robot.wait_state("running")
    robot.wait("a second chunk", lambda: robot.do("status")["chunks"] >= 2)
    # It is known when the question under way, or the next one (a second later at most), ends in an error.
    fault = Fault(1.1, ("inference_failed: ServerUnreachable",))
    robot.do("mark")
    server.process.kill()
    robot.wait("a hold because of it", lambda: reaction(robot, fault).seconds is not None)
    assert reaction(robot, fault).in_time, reaction(robot, fault)
    command = [*SERVE, "--port", str(server.port), "--checkpoint", "tiny", "--device", "cpu", "--threads", "1"]
    with BackgroundServer(["--embodiment", "umi"], command=command):
        robot.wait_state("stopped", patience_s=120.0)
        told = [
            cause for status in robot.do("since_mark") if status["state"] == "stopped" for cause in status["reasons"]
        ]
        assert any("serves the embodiment 'umi', not 'droid_joint'" in cause for cause in told), told
        assert robot.do("transition", label="deactivate")
        assert robot.do("transition", label="cleanup")
        assert not robot.do("transition", label="configure")
        assert robot.do("lifecycle") == "unconfigured"
    assert "start one with --embodiment droid_joint" in node.log
    assert robot.do("record")["violations"] == []
