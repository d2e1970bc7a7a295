"""Everything LeRobot refuses is refused by us first, in one sentence that names the feature and the cure."""

import json

import pandas
import pytest

from cosmos_policy.datasets.health import check_files, check_health, read_info
from cosmos_policy.datasets.source import fingerprint, locate
from cosmos_policy.errors import UsageError


def examine(dataset, episodes=(0,)) -> None:
    source = locate(str(dataset))
    info = read_info(source.root, source.name)
    check_health(source.root, source.name, info)
    check_files(source.root, source.name, info, episodes)


def refusal(dataset) -> str:
    with pytest.raises(UsageError) as caught:
        examine(dataset)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_dataset_of_lerobots_own_writer_is_well(droid_dataset):
    examine(droid_dataset, episodes=(0, 1))


def test_shapeless_features(dataset_copy, change_info):
    change_info(dataset_copy, lambda info: info["features"]["action.gripper_position"].update(shape=[]))
    assert "action.gripper_position" in refusal(dataset_copy)


def test_path_templates(dataset_copy, change_info):
    path = "data/chunk-{episode_chunk:03d}/file-{episode_file:03d}.parquet"
    change_info(dataset_copy, lambda info: info.update(data_path=path))
    assert "{episode_chunk} and {episode_file}" in refusal(dataset_copy)


def test_tasks_without_index(dataset_copy):
    path = dataset_copy / "meta" / "tasks.parquet"
    pandas.read_parquet(path).reset_index().to_parquet(path, index=False)
    assert "task text as a column" in refusal(dataset_copy)


def test_tasks_missing(dataset_copy):
    (dataset_copy / "meta" / "tasks.parquet").unlink()
    assert "meta/tasks.parquet is missing" in refusal(dataset_copy)


def test_episode_columns(dataset_copy):
    [path] = (dataset_copy / "meta" / "episodes").glob("*/*.parquet")
    table = pandas.read_parquet(path)
    table.drop(columns=[name for name in table.columns if name.startswith("data/")]).to_parquet(path)
    assert "meta/episodes lacks the columns data/chunk_index, data/file_index" in refusal(dataset_copy)


def test_an_older_format(dataset_copy, change_info):
    change_info(dataset_copy, lambda info: info.update(codebase_version="v2.1"))
    assert "format v2.1" in refusal(dataset_copy) and "convert_dataset_v21_to_v30" in refusal(dataset_copy)


def test_broken_and_missing_info(dataset_copy):
    path = dataset_copy / "meta" / "info.json"
    path.write_text(path.read_text()[:40])
    assert "not valid JSON" in refusal(dataset_copy)
    path.write_text(json.dumps({"codebase_version": "v3.0"}))
    assert "lacks fps, features" in refusal(dataset_copy)
    path.unlink()
    assert "no meta/info.json" in refusal(dataset_copy)


def test_a_missing_video_is_named(dataset_copy):
    video = next((dataset_copy / "videos" / "observation.image.exterior_image_1_left").rglob("*.mp4"))
    video.unlink()
    assert video.relative_to(dataset_copy).as_posix() in refusal(dataset_copy)


def test_no_such_folder(tmp_path):
    assert "no folder" in refusal(tmp_path / "nowhere" / "at all")
    (tmp_path / "file").write_text("x")
    assert "is a file" in refusal(tmp_path / "file")


def test_fingerprint_tells_an_edit(dataset_copy, droid_dataset, change_info):
    before = fingerprint(locate(str(droid_dataset)))
    assert fingerprint(locate(str(dataset_copy))) == before
    change_info(dataset_copy, lambda info: info.update(robot_type="another"))
    assert fingerprint(locate(str(dataset_copy))) != before


def test_nvidias_published_example(shared_data):
    message = refusal(shared_data / "droid_lerobot_example")
    for defect in ("shape []", "{episode_chunk}", "tasks.parquet", "meta/episodes lacks", "meta/stats.json"):
        assert defect in message
