"""The scene as the robot knows it: clock, frames, gripper, pictures, and the sentences for wrong commands."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cosmos_policy.errors import UsageError


@pytest.fixture(scope="module")
def environment(physics):
    environment = physics.open_environment("lift", seed=3, image_size=(160, 90), supersampling=1)
    yield environment
    environment.close()


@pytest.fixture
def hold(environment):
    from sim_eval.physics.environment import RobotCommand

    joints = environment.state().joint_positions
    return lambda gripper: RobotCommand(joints, gripper)


def test_a_control_step_is_a_fifteenth_of_a_second(environment, hold):
    before = environment._data.time
    for _ in range(15):
        environment.step(hold(0.0))
    assert environment._data.time - before == pytest.approx(1.0, abs=1e-9)


def test_home_looks_down_as_droid_does(environment):
    pose = environment.state().flange_pose
    turn = Rotation.from_matrix(pose[:3, :3].T @ np.diag([1.0, -1.0, -1.0]))
    assert turn.magnitude() < 0.2, "rad; robosuite scatters the start joints by 0.02 rad"
    np.testing.assert_allclose(pose[:3, 3], [0.31, 0.0, 0.49], atol=0.08)


def test_the_cube_stands_on_the_table_in_the_base_frame(environment):
    cube = environment.object_pose("cube")
    # The table is 0.8 m high and the base stands on it at 0.912 m, 0.56 m behind the table's middle.
    assert cube[2, 3] == pytest.approx(0.8 - 0.912 + 0.021, abs=0.005)
    assert 0.44 - 0.03 < cube[0, 3] < 0.60 + 0.03 and abs(cube[1, 3]) < 0.18


def test_gripper_takes_and_measures_fractions_of_its_stroke(environment, hold):
    for wanted in (0.5, 1.0, 0.0):
        for _ in range(20):
            environment.step(hold(wanted))
        assert environment.state().gripper_position == pytest.approx(wanted, abs=0.08)


def test_fingertips_stay_parallel_and_are_85_mm_apart_when_open(environment, hold):
    for _ in range(20):
        environment.step(hold(0.0))
    model, data = environment._model, environment._data
    left, right = (model.geom(f"gripper0_right_{side}_fingertip_visual").id for side in ("left", "right"))
    faces = np.linalg.norm(data.geom_xpos[left] - data.geom_xpos[right]) - 2 * model.geom_size[left][1]
    assert faces == pytest.approx(0.085, abs=0.003)
    normals = (data.geom_xmat[geom].reshape(3, 3)[:, 1] for geom in (left, right))
    assert abs(np.dot(*normals)) > 0.999


def test_views_differ_and_are_neither_black_nor_flat(environment):
    pictures = environment.images()
    assert list(pictures) == ["wrist", "exterior_1", "exterior_2"]
    for picture in pictures.values():
        assert picture.shape == (90, 160, 3) and picture.dtype == np.uint8
        assert 25 < picture.mean() < 230 and picture.std() > 20
    wrist, left, right = (picture.astype(float) for picture in pictures.values())
    assert min(np.abs(wrist - left).mean(), np.abs(wrist - right).mean(), np.abs(left - right).mean()) > 10


def test_pictures_stand_upright_and_show_the_cube_where_it_is(environment):
    """The cube's place, projected by a pinhole with the camera's own numbers, is red in both exterior views."""
    cube = environment.object_pose("cube")[:3, 3]
    pictures = environment.images()
    for camera in environment.robot.cameras[1:]:
        x, y, z = camera.rotation().T @ (cube - camera.position)
        focal = 45.0 / np.tan(np.radians(camera.vertical_field_of_view_deg) / 2)
        column, row = 80.0 + focal * x / z, 45.0 + focal * y / z
        red, green, blue = pictures[camera.view][int(row), int(column)].astype(int)
        assert red > 1.5 * max(green, blue), (camera.view, (red, green, blue))


def test_supersampling_averages_a_larger_picture(physics):
    sharp = physics.open_environment("lift", seed=3, image_size=(160, 90), supersampling=2).images()
    jagged = physics.open_environment("lift", seed=3, image_size=(160, 90), supersampling=1).images()
    for view, picture in sharp.items():
        assert picture.shape == (90, 160, 3)
        difference = np.abs(picture.astype(float) - jagged[view]).mean()
        assert 0 < difference < 12, "the same picture, but for its edges"


@pytest.mark.parametrize("joints", [np.zeros(6), np.full(7, np.nan)])
def test_a_command_that_is_none_is_refused(environment, joints):
    from sim_eval.physics.environment import RobotCommand

    with pytest.raises(UsageError, match="7 finite joint positions"):
        environment.step(RobotCommand(joints, 0.0))


def test_an_object_that_the_task_lacks_is_named(environment):
    with pytest.raises(UsageError, match="lift has no object 'teapot'; it has cube"):
        environment.object_pose("teapot")
