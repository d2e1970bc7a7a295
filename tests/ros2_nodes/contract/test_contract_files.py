"""Contracts: read, refused with the line of everything wrong, and checked against what a server says."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from simulated_world import droid_contract

import embodiments
from cosmos_policy.errors import UsageError
from cosmos_policy.wire.contract import describe_embodiment
from ros2_nodes.contract import RobotContract, check_against, load_contract


def content() -> dict:
    return droid_contract().model_dump(mode="json", exclude={"folder"}, exclude_none=True)


def written(folder: Path, told: dict) -> Path:
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(told, sort_keys=False))
    return path


def changed(path: str, value: object) -> dict:
    """The contract with one setting replaced (None: taken out)."""
    told = copy.deepcopy(content())
    *steps, last = path.split("/")
    place = told
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return told


def line_of(path: Path, words: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if words in line)


def test_a_contract_comes_back_as_it_was_written(tmp_path):
    read = load_contract(written(tmp_path, content()))
    assert read.model_copy(update={"folder": Path()}) == droid_contract()
    assert read.folder == tmp_path
    assert list(read.views) == ["wrist", "exterior_1", "exterior_2"] and read.instruction is None
    assert read.control_period_s == pytest.approx(1 / 15)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("control_rate_hz", -3, "control_rate_hz: Input should be greater than 0"),
        ("streams/wrist/topic", "no topic!", "topic: String should match"),
        ("streams/wrist/max_age_ms", None, "max_age_ms: Field required"),
        ("streams/wrist/encoding", None, "encoding belongs to sensor_msgs/msg/Image, which needs it"),
        ("streams/wrist/encoding", "yuv422", "encoding: Input should be 'rgb8'"),
        ("streams/joint_position/joints", ["a", "a"], "joints must have names of their own"),
        ("streams/joint_position/joints", None, "needs joints"),
        ("streams/joint_position/frame", "base", "takes no frame"),
        ("streams/gripper_position/closed", 0.0, "open and closed values must differ"),
        ("streams/wrist/speling", 1, "speling: Extra inputs are not permitted"),
        ("stops/emergency_stop", None, "emergency_stop: Field required"),
        ("outputs/arm/measured_by", "wrist", "measured by 'wrist'"),
        ("outputs/arm/joints", ["joint_1", "elbow"], "does not hold elbow"),
        ("outputs/arm/timing", "on_arrival", "timing belongs to joint_trajectory"),
        ("outputs/gripper/topic", "/arm", "share the topic /arm"),
        ("limits/arm", None, "needs limits of joints, but has none"),
        ("limits/arm/velocity", [1.0, 2.0], "2 numbers for 7 joints"),
        ("limits/arm/lower", [3.0], "lower limits of arm must be below"),
        ("limits/arm/jerk", [float("nan")], "jerk"),
        ("limits/wheel", {"of": "gripper", "lower": 0, "upper": 1}, "wheel, which is no output"),
        ("execution/execution_horizon", 0, "execution_horizon: Input should be greater than or equal to 1"),
        ("safety/jump_tolerance", None, "jump_tolerance: Field required"),
    ],
)
def test_everything_wrong_is_refused_in_one_sentence_with_its_line(tmp_path, path, value, words):
    file = written(tmp_path, changed(path, value))
    with pytest.raises(UsageError) as refused:
        load_contract(file)
    message = str(refused.value)
    assert message.startswith(f"{file}: line ") and words in message and "\n" not in message


def test_the_line_is_that_of_the_wrong_value(tmp_path):
    file = written(tmp_path, changed("execution/execution_horizon", -7))
    with pytest.raises(UsageError, match=f"line {line_of(file, 'execution_horizon')}, "):
        load_contract(file)


@pytest.mark.parametrize(
    ("text", "words"), [("[1, 2]", "must hold a mapping"), ("a: [", "line 1"), ("a: 1\na: 2", "'a' is given twice")]
)
def test_what_is_no_contract_at_all_is_refused(tmp_path, text, words):
    file = tmp_path / "robot.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_contract(file)
    with pytest.raises(UsageError, match="cannot read the contract"):
        load_contract(tmp_path / "nowhere.yaml")


def test_overrides_replace_settings_and_are_checked(tmp_path):
    file = written(tmp_path, content())
    assert load_contract(file, {"execution.prefix": False, "streams.wrist.topic": "/other"}).execution.prefix is False
    for overrides, words in (
        ({"execution.prefx": False}, "prefx: Extra inputs"),
        ({"control_rate_hz.deeper": 1}, "leads into 15"),
        ({"execution.execution_horizon": "many"}, "given: 'many'"),
    ):
        with pytest.raises(UsageError, match=words):
            load_contract(file, overrides)


def test_contracts_never_change_after_they_were_read():
    with pytest.raises(ValidationError):
        droid_contract().control_rate_hz = 3.0


def info(name: str = "droid_joint") -> dict:
    return {"embodiment": describe_embodiment(embodiments.get(name))}


def test_a_contract_that_fits_its_server_gives_the_embodiment():
    assert check_against(droid_contract(), info()).name == "droid_joint"
    assert check_against(droid_contract()).name == "droid_joint"
    shorter = {"embodiment": {**info()["embodiment"], "chunk_size": 12}}
    assert check_against(droid_contract(), shorter).chunk_size == 12


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (info("ur"), "serves the embodiment 'ur', not 'droid_joint'"),
        ({"embodiment": {**info()["embodiment"], "fps": 10.0}}, "disagree on droid_joint's rate"),
        ({"embodiment": {**info()["embodiment"], "columns": []}}, "disagree on droid_joint's action columns"),
        ({"embodiment": {**info()["embodiment"], "chunk_size": 8}}, "a chunk of droid_joint has 8 actions"),
        ({}, "does not say at /info which embodiment"),
    ],
)
def test_a_server_of_another_robot_is_refused(told, words):
    with pytest.raises(UsageError, match=words):
        check_against(droid_contract(), told, "ws://box:8000")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("embodiment", "droid", "feeds the state gripper_position, joint_position, but droid reads cartesian_position"),
        ("streams/exterior_2", None, "feeds the views exterior_1, wrist, but droid_joint has"),
        ("streams/gripper_position", None, "feeds the state joint_position, but"),
        ("streams/joint_position/unit", "deg", "reads joint_position in rad, but the contract says deg"),
        ("outputs/arm/command", "end_effector", "sends end_effector, which droid_joint does not command"),
        ("outputs/gripper/command", "joint_position", "sends 1 numbers, but droid_joint's joint_position has 7"),
        ("outputs/arm/unit", "deg", "commands joint_position in rad, but the output arm says deg"),
        ("execution/execution_horizon", 32, "a chunk of droid_joint has 32 actions"),
    ],
)
def test_a_contract_that_does_not_fit_its_embodiment_is_refused(path, value, words):
    with pytest.raises(UsageError, match=words):
        check_against(RobotContract.model_validate(changed(path, value)))


def test_a_state_of_another_shape_is_refused():
    told = changed("streams/joint_position/joints", [f"joint_{number}" for number in range(1, 9)])
    with pytest.raises(UsageError, match=r"makes a state of shape \[8\], but droid_joint reads \[7\]"):
        check_against(RobotContract.model_validate(told))


SHIPPED = sorted((Path(__file__).parents[3] / "launch" / "config").glob("*.yaml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_contract_fits_its_embodiment(file):
    contract = load_contract(file)
    assert check_against(contract).name == contract.embodiment
