import pytest

import embodiments
from cosmos_policy.datasets.binding import bind
from cosmos_policy.datasets.health import read_info
from cosmos_policy.errors import UsageError

DROID = embodiments.get("droid")
EXTERIOR = "observation.image.exterior_image_2_left"


def bound(folder, **options):
    return bind(DROID, read_info(folder, "the dataset"), "the dataset", **options)


def test_everything_in_its_place(droid_dataset):
    binding = bound(droid_dataset)
    assert binding.blank_views == () and binding.frame_step == 1 and binding.notes == ()
    assert binding.views["wrist"] == "observation.image.wrist_image_left"


def test_a_missing_view_is_refused_or_blank(make_dataset):
    folder = make_dataset(lengths=(18,), views=("exterior_2",))
    with pytest.raises(UsageError, match=r"lacks the views wrist .*; it has .*exterior_image_2_left.*--missing-views"):
        bound(folder)
    binding = bound(folder, missing_views="blank")
    assert binding.blank_views == ("wrist", "exterior_1") and binding.cameras == (EXTERIOR,)


def test_a_camera_under_another_name(droid_dataset, change_info, dataset_copy):
    def rename(info):
        info["features"]["observation.images.hand"] = info["features"].pop("observation.image.wrist_image_left")

    change_info(dataset_copy, rename)
    with pytest.raises(UsageError, match="lacks the view wrist"):
        bound(dataset_copy)
    binding = bound(dataset_copy, camera_map={"wrist": "observation.images.hand"})
    assert binding.views["wrist"] == "observation.images.hand" and binding.blank_views == ()


@pytest.mark.parametrize(
    ("camera_map", "reason"),
    [
        ({"hand": EXTERIOR}, "no view 'hand'; its views are wrist, exterior_1, exterior_2"),
        ({"wrist": "observation.images.top"}, "no camera 'observation.images.top'; it has"),
        ({"wrist": "action.gripper_position"}, "no camera 'action.gripper_position'"),
    ],
)
def test_a_wrong_camera_map(droid_dataset, camera_map, reason):
    with pytest.raises(UsageError, match=reason):
        bound(droid_dataset, camera_map=camera_map)


def test_no_view_at_all_is_not_made_up(dataset_copy, change_info):
    def rename(info):
        cameras = [name for name, feature in info["features"].items() if feature["dtype"] == "video"]
        for index, name in enumerate(cameras):
            info["features"][f"camera_{index}"] = info["features"].pop(name)

    change_info(dataset_copy, rename)
    with pytest.raises(UsageError, match="none of the views of droid"):
        bound(dataset_copy, missing_views="blank")


def test_a_feature_of_the_wrong_width(make_dataset):
    folder = make_dataset(lengths=(18,), pose_width=3)
    with pytest.raises(UsageError, match=r"'observation.state.cartesian_position' is 3 wide.* expects 6"):
        bound(folder)


def test_a_missing_feature(dataset_copy, change_info):
    change_info(dataset_copy, lambda info: info["features"].pop("action.gripper_position"))
    with pytest.raises(UsageError, match=r"lacks the feature 'action.gripper_position'"):
        bound(dataset_copy)


def test_a_robot_without_a_dataset_layout(droid_dataset):
    with pytest.raises(UsageError, match="does not fit av"):
        bind(embodiments.get("av"), read_info(droid_dataset, "it"), "it")


def test_another_rate_is_never_taken_in_silence(dataset_copy, change_info):
    change_info(dataset_copy, lambda info: info.update(fps=30))
    with pytest.raises(UsageError, match="recorded at 30 frames per second, but droid runs at 15; say --fps 15"):
        bound(dataset_copy)
    binding = bound(dataset_copy, fps=15)
    assert (binding.frame_step, binding.fps) == (2, 15) and "recorded at 30" in binding.notes[0]
    change_info(dataset_copy, lambda info: info.update(fps=20))
    with pytest.raises(UsageError, match="say --fps 20"):
        bound(dataset_copy)
    assert bound(dataset_copy, fps=20).frame_step == 1
    with pytest.raises(UsageError, match="no whole fraction"):
        bound(dataset_copy, fps=15)
    with pytest.raises(UsageError, match="positive"):
        bound(dataset_copy, fps=0)
