"""Both simulated robots are the robots of their embodiments: frames, home, rates, views, and every task's expert."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import embodiments
from cosmos_policy.errors import Failure, UsageError
from embodiments.kinematics import shipped_chain


def open_scene(physics, task, robot, seed=1):
    return physics.open_environment(task, robot, seed=seed, image_size=(32, 32), supersampling=1)


@pytest.fixture(scope="module")
def ur(physics):
    environment = open_scene(physics, "lift", "ur")
    yield environment
    environment.close()


def test_the_ur_reports_poses_of_the_chain_that_its_embodiment_was_trained_with(ur):
    chain = shipped_chain("ur5e", "attachment_site")
    for joints in np.random.default_rng(0).uniform(-2.0, 2.0, (20, 6)):
        np.testing.assert_allclose(ur.kinematics.flange_pose(joints), chain.forward(joints[None])[0], atol=2e-6)
    state = ur.state()
    np.testing.assert_allclose(state.flange_pose, chain.forward(state.joint_positions[None])[0], atol=2e-6)


def test_the_ur_starts_looking_down_over_the_table(ur):
    pose = ur.kinematics.flange_pose(ur.kinematics.rest)
    np.testing.assert_allclose(pose[:3, 2], [0, 0, -1], atol=1e-3)
    np.testing.assert_allclose(pose[:3, 3], [-0.42, 0, 0.40], atol=1e-3)


@pytest.mark.parametrize("name", ["droid", "ur"])
def test_rate_and_views_are_the_embodiments_own(physics, name):
    from sim_eval.physics import robots

    robot = robots.get(name)
    for spoken in robot.embodiments:
        embodiment = embodiments.get(spoken)
        assert tuple(camera.view for camera in robot.cameras) == embodiment.views
        assert robot.control_rate_hz == embodiment.fps
        assert robots.speaking(spoken) == name


def test_an_embodiment_that_no_robot_speaks_is_told(physics):
    from sim_eval.physics import robots

    with pytest.raises(UsageError, match="no simulated robot speaks the embodiment 'umi': droid speaks"):
        robots.speaking("umi")
    with pytest.raises(UsageError, match="'ur' is not one that speaks the embodiment 'droid'"):
        robots.speaking("droid", "ur")


def test_inverse_kinematics_undo_forward_kinematics(ur):
    generator = np.random.default_rng(3)
    for _ in range(5):
        pose = ur.kinematics.flange_pose(ur.kinematics.rest + generator.uniform(-0.3, 0.3, 6))
        joints = ur.kinematics.joint_positions(pose, ur.kinematics.rest)
        found = ur.kinematics.flange_pose(joints)
        assert np.linalg.norm(found[:3, 3] - pose[:3, 3]) < 1e-5
        assert (Rotation.from_matrix(found[:3, :3]).inv() * Rotation.from_matrix(pose[:3, :3])).magnitude() < 1e-4


def test_a_pose_out_of_reach_is_refused_or_approached(ur):
    far = ur.kinematics.flange_pose(ur.kinematics.rest)
    far[0, 3] = -3.0
    with pytest.raises(Failure, match="cannot reach"):
        ur.kinematics.joint_positions(far, ur.kinematics.rest)
    joints = ur.kinematics.nearest_joint_positions(far, ur.kinematics.rest, iterations=60)
    assert ur.kinematics.flange_pose(joints)[0, 3] < -0.7, "stretched out towards it"
    assert (np.abs(joints) <= ur.kinematics.joint_ranges[:, 1] + 1e-9).all()


@pytest.mark.parametrize(("task", "robot"), [("lift", "ur"), ("stack", "droid"), ("stack", "ur"), ("can", "droid")])
def test_experts_do_every_task(physics, task, robot):
    from sim_eval.physics.expert import ScriptedExpert

    environment = open_scene(physics, task, robot)
    assert not environment.succeeded()
    expert, steps = ScriptedExpert(environment), 0
    while expert.phase is not None:
        environment.step(expert.act())
        steps += 1
    assert environment.succeeded()
    assert steps * environment.control_period_s < 0.8 * environment.task.time_limit_s, "policies get time to spare"
    environment.close()
