"""tables.json and the statistics files: ids, widths, column names, frames, sentences and numbers of every robot."""

from __future__ import annotations

import json

import numpy as np
import pytest

import embodiments
from embodiments import statistics
from embodiments.robots import libero, umi
from embodiments.statistics import QUANTITIES

SPECIFICATIONS = {
    "droid": "single_arm",
    "franka": "single_arm",
    "ur": "single_arm",
    "bridge": "single_arm",
    "fractal": "single_arm",
    "umi": "single_arm",
    "libero": "single_arm",
    "dual_franka": "dual_arm",
    "agibot": "agibotworld",
    "egocentric": "hand_pose",
    "droid_joint": "droid_joint_pos",
    "av": "ego",
    "camera": "ego",
    "pusht": "pusht",
}
KINDS = {"position": "pos", "rotation": "rot", "gripper": "gripper", "joint": "joint", "fingertip": "pos"}
DESCRIPTIONS = {
    "droid": "droid",
    "droid_joint": "droid",
    "franka": "robomind_franka",
    "dual_franka": "robomind_franka_dual",
    "agibot": "agibotworld",
    "libero": "libero",
}


@pytest.fixture(scope="module")
def tables(golden_json):
    return golden_json("tables.json")


@pytest.mark.parametrize("name", embodiments.names())
def test_identity(name, tables):
    robot = embodiments.get(name)
    assert robot.domain_id == tables["domain_id_framework"][robot.domain_name]
    widths = {**tables["raw_action_dim_diffusers"], **tables["raw_action_dim_framework"]}
    if robot.domain_name in widths and name != "droid_joint":
        assert robot.action_dim == widths[robot.domain_name]
    assert robot.view_label in tables["viewpoint_sentences_framework"]
    assert robot.view_description == tables["additional_view_descriptions"].get(DESCRIPTIONS.get(name), "")


@pytest.mark.parametrize("name", embodiments.names())
def test_columns(name, tables):
    robot, golden = embodiments.get(name), tables["action_specs"][SPECIFICATIONS[name]]
    assert list(robot.action_names) == golden["names"]
    assert [KINDS[column.kind] for column in robot.columns] == golden["types"]


def test_other_widths_of_libero(tables):
    for space in ("3d", "9d"):
        golden = tables["action_specs"][f"libero_{space}"]
        assert list(libero.with_rotation(space).action_names) == golden["names"]


def test_aliases_answer(tables):
    for domain, number in {**tables["domain_id_framework"], **tables["domain_id_diffusers"]}.items():
        known = {alias for name in embodiments.names() for alias in (name, *embodiments.get(name).aliases)}
        if domain in known:
            assert embodiments.get(domain).domain_id == number


def test_frames(tables):
    frames = {key: np.array(value) for key, value in tables["frame_constants"].items()}
    by_name = {name: {block.name: block for block in embodiments.get(name).pose_blocks} for name in embodiments.names()}
    for name, block, golden in (
        ("droid", "end_effector", "droid_to_opencv"),
        ("franka", "end_effector", "franka_to_opencv"),
        ("dual_franka", "left_end_effector", "franka_to_opencv"),
        ("dual_franka", "right_end_effector", "franka_to_opencv"),
        ("bridge", "end_effector", "bridge_to_opencv"),
        ("fractal", "end_effector", "fractal_to_opencv"),
        ("ur", "end_effector", "robomind_ur_to_opencv"),
        ("agibot", "right_wrist", "agibot_right_to_opencv"),
        ("agibot", "left_wrist", "agibot_left_to_opencv"),
    ):
        np.testing.assert_array_equal(by_name[name][block].to_opencv, frames[golden], f"{name} {block}")
    # Published with ten digits; ours is the rigid pose nearest to it.
    np.testing.assert_allclose(
        by_name["fractal"]["end_effector"].tool_offset, frames["fractal_tcp_to_flange"], rtol=0, atol=2e-10
    )
    default_rotation = np.eye(4)
    default_rotation[:3, :3] = frames["bridge_default_rotation"]
    np.testing.assert_array_equal(
        by_name["bridge"]["end_effector"].tool_offset, default_rotation @ frames["bridge_tcp_to_flange"]
    )
    for side in ("right", "left"):
        np.testing.assert_array_equal(
            by_name["egocentric"][f"{side}_wrist"].tool_to_model, frames["hand_wrist_alignment"]
        )
    np.testing.assert_array_equal(
        by_name["umi"]["main_camera"].tool_offset[:3, 3], frames["umi_eef_in_camera_xyz_wxyz_default"][:3]
    )
    forward = umi.with_end_effector_in_camera(umi.FORWARD_END_EFFECTOR_IN_CAMERA).pose_blocks[0]
    np.testing.assert_array_equal(forward.tool_offset[:3, 3], frames["umi_eef_in_camera_xyz_wxyz_forward"][:3])
    np.testing.assert_array_equal(libero.FRANKA_TO_OPENCV, frames["libero_to_opencv"])
    assert embodiments.get("av").normalizer.scale[0] == 1.0 / frames["av_translation_scale"]


STATISTICS_FILES = {
    "agibotworld_beta_lerobot_stats": "agibot",
    "bridge_orig_lerobot_stats": "bridge",
    "droid_lerobot_stats": "droid",
    "fractal_lerobot_stats": "fractal",
    "human_hand_pose_lerobot_stats": "egocentric",
    "robomind_franka_dual_stats": "dual_franka",
    "robomind_franka_stats": "franka",
    "robomind_ur_stats": "ur",
    "umi_lerobot_stats": "umi_bimanual",
}


def test_statistics(golden_folder):
    folder = golden_folder / "normalizer_stats"
    seen = set()
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        if path.stem in STATISTICS_FILES:
            blocks = {STATISTICS_FILES[path.stem]: content}
        else:
            assert path.stem.startswith("libero"), f"no statistics of ours for {path.name}"
            blocks = {"libero": content["global_raw"], "libero_global": content["global"]}
        for ours, golden in blocks.items():
            seen.add(ours)
            values = statistics.shipped(ours).values
            assert set(values) == set(golden) & set(QUANTITIES)
            for quantity, numbers in values.items():
                np.testing.assert_array_equal(numbers, golden[quantity], f"{ours} {quantity}")
    assert seen


@pytest.mark.parametrize(("file", "robot"), [("ur5e_chain.json", "ur5e"), ("agibot_g1_chain.json", "agibot_g1")])
def test_chains(file, robot, golden_json):
    """The kinematic numbers are those of the golden chains; that they move rightly is compared with the poses."""
    from embodiments.kinematics import shipped_chain

    content = golden_json(file)
    chains = content.get("chains") or {"attachment_site": content["chain"]}
    for name, links in chains.items():
        chain = shipped_chain(robot, name)
        joints = [link.get("joint", link) for link in links if "joint" in link or link.get("type", "fixed") != "fixed"]
        assert list(chain.joint_names) == [joint["name"] for joint in joints]
        limits = np.array([joint.get("range") or joint["limit"] for joint in joints])
        np.testing.assert_array_equal(np.stack([chain.low, chain.high], axis=1), limits)
