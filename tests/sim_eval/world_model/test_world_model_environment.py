"""``CosmosPolicy/WorldModel-v0``: what Gymnasium asks of an environment, and what a robot's programmer does."""

import itertools
import warnings

import numpy as np
import pytest

import embodiments
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ForwardDynamicsRequest
from embodiments import EmbodimentError


@pytest.fixture(scope="module")
def world(make_world):
    environment = make_world(render_mode="rgb_array")
    yield environment
    environment.close()


def recorded_commands(world, rows=4, seed=1):
    """Commands of a made-up motion that begins where the robot is: decoded as a policy's answer would be."""
    robot = embodiments.get("droid")
    trajectory = robot.example_trajectory(rows, seed)
    state = {name: world.unwrapped.world.state[name] for name in ("cartesian_position", "gripper_position")}
    return robot.decode(robot.encode(trajectory), state)


def test_gymnasiums_own_checker_is_content(make_world, monkeypatch):
    from gymnasium.utils.env_checker import check_env

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pytest.importorskip("pygame", reason="pygame is not installed (extra 'simulation')")
    environment = make_world()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(environment.unwrapped)
    environment.close()
    strangers = [str(one.message) for one in said if one.category is not DeprecationWarning]
    assert [text for text in strangers if "pkg_resources" not in text] == []


def test_a_seed_is_a_world_and_its_future(world):
    from gymnasium.utils.env_checker import data_equivalence

    def play(seed):
        world.action_space.seed(5)
        return [world.reset(seed=seed), *(world.step(world.action_space.sample()) for _ in range(2))]

    first = play(7)
    assert data_equivalence(first, play(7), exact=True)
    assert not data_equivalence(first[0][0], play(8)[0][0], exact=True), "another seed is another start"
    assert "frame" in first[0][1]["start"] and first[0][1]["instruction"] == "lift the cube"


def test_the_observation_is_whole_cut_and_felt(world):
    observation, info = world.reset(options={"episode": 1, "frame": 5})
    assert world.observation_space.contains(observation)
    assert tuple(observation["images"]) == ("wrist", "exterior_1", "exterior_2")
    composed = observation["composed"]
    assert composed.shape == (72, 64, 3), "the composed frame keeps its size, and is not cut to latent cells"
    np.testing.assert_array_equal(observation["images"]["wrist"], composed[:48])
    assert info["start"].startswith("frame 5 of episode 1") and info["time_s"] == 0.0 and info["chunks"] == 0


def test_a_step_is_forward_dynamics_of_the_encoded_commands(world, tiny):
    """Against the calls themselves: commands are encoded, one request is asked, its frames come back."""
    world.reset(seed=3)
    present = world.unwrapped.world
    frame, seed, state = present.frame, present.seed, present.state
    robot = embodiments.get("droid")
    trajectory = robot.example_trajectory(4, 1)
    unified = robot.encode(trajectory)
    observation, reward, terminated, truncated, info = world.step(recorded_commands(world))
    expected = tiny.forward_dynamics(
        ForwardDynamicsRequest(frame, unified, robot, seed=seed, instruction="lift the cube", state=state)
    )
    clip = world.unwrapped.clip
    np.testing.assert_array_equal(clip[0], frame)
    np.testing.assert_array_equal(clip[1:, :64, :64], expected.frames[1:])
    np.testing.assert_array_equal(clip[1:, 64:], np.repeat(clip[1:, 63:64], 8, axis=1))
    np.testing.assert_array_equal(observation["composed"], clip[-1])
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert info["time_s"] == pytest.approx(4 / 15) and info["chunks"] == 1
    assert info["timing"].stages_ms["step"] >= info["timing"].stages_ms["total"] > 0
    assert info["drift"]["seam_psnr_db"] < 58 and info["drift"]["start_brightness"] == pytest.approx(
        float((frame @ [0.299, 0.587, 0.114]).mean())
    )


def test_proprioception_is_where_the_commands_lead(world):
    world.reset(seed=3)
    for seed in (1, 2):
        commands = recorded_commands(world, seed=seed)
        observation, *_ = world.step(commands)
        for name, value in observation["state"].items():
            np.testing.assert_allclose(value, np.reshape(commands[name][-1], value.shape), atol=1e-12)


def test_long_rollouts_go_on_from_their_last_frame(world):
    world.reset(seed=4)
    clips = []
    for _ in range(3):
        world.step(recorded_commands(world))
        clips.append(world.unwrapped.clip)
    for earlier, later in itertools.pairwise(clips):
        np.testing.assert_array_equal(later[0], earlier[-1])
    assert world.unwrapped.world.steps == 12 and world.render().shape == (72, 64, 3)


def test_a_policys_answer_is_an_action(world, tiny):
    from cosmos_policy.types import Observation

    observation, info = world.reset(seed=1)
    chunk = tiny.policy(
        Observation(observation["images"], observation["state"]), info["instruction"], embodiment="droid", chunk_size=4
    )
    seen, *_ = world.step(chunk.commands)
    np.testing.assert_allclose(
        seen["state"]["end_effector_position"], chunk.commands["end_effector_position"][-1], atol=1e-9
    )


def test_actions_beyond_the_normaliser_are_counted(world):
    world.reset(seed=0)
    commands = recorded_commands(world)
    _, _, _, _, info = world.step(commands)
    assert info["clamped_actions"] == 0
    jump = recorded_commands(world)
    jump["end_effector_position"] = jump["end_effector_position"] + [5.0, 0.0, 0.0]
    _, _, _, _, info = world.step(jump)
    assert info["clamped_actions"] == 1, "five metres in one step; the steps after it are small again"


def test_what_is_seen_composes_to_what_the_world_shows(make_world, tiny):
    """Frames of a size that the canvas makes 303 pixels wide: half-width views want an even number."""
    from cosmos_policy.types import Observation

    robot = embodiments.get("droid")
    example = robot.example_observation()
    images = {view: np.ascontiguousarray(image[:180, :320]) for view, image in example["images"].items()}
    environment = make_world(dataset=None, start={"images": images, "state": example["state"]})
    observation, _ = environment.reset(seed=0)
    assert observation["composed"].shape == (256, 302, 3)
    for _ in range(2):
        np.testing.assert_array_equal(robot.compose(observation["images"]), observation["composed"])
        seen = Observation(observation["images"], observation["state"])
        chunk = tiny.policy(seen, "lift the cube", embodiment="droid", chunk_size=4)
        observation, *_ = environment.step(chunk.commands)


@pytest.mark.parametrize("name", ["droid_joint", "umi", "av", "ur", "agibot", "egocentric", "libero", "bridge"])
def test_every_kind_of_robot_moves(name, make_world, tiny):
    robot = embodiments.get(name)
    example = robot.example_observation()
    images = {view: np.ascontiguousarray(image[::8, ::8]) for view, image in example["images"].items()}
    environment = make_world(embodiment=name, dataset=None, start={"images": images, "state": example["state"]})
    observation, _ = environment.reset(seed=0)
    assert environment.observation_space.contains(observation)
    trajectory = robot.example_trajectory(4)
    commands = robot.decode(robot.encode(trajectory), trajectory.state_at(0))
    observation, *_ = environment.step(commands)
    assert environment.observation_space.contains(observation)
    assert environment.unwrapped.clip.shape[0] == 5


def test_a_picture_of_a_file_is_a_start(make_world, picture_start, tmp_path):
    from PIL import Image

    path = tmp_path / "frame.png"
    Image.fromarray(picture_start["image"]).save(path)
    environment = make_world(dataset=None, start={**picture_start, "image": str(path)})
    observation, info = environment.reset(options={"instruction": "wave"})
    np.testing.assert_array_equal(observation["composed"], picture_start["image"])
    assert info["instruction"] == "wave" and info["start"] == "a given picture"
    np.testing.assert_allclose(
        observation["state"]["cartesian_position"], picture_start["state"]["cartesian_position"], atol=1e-9
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"episode": 9}, "options\\['episode'\\] is 9; the episodes of .* here are 0, 1"),
        ({"episode": 0, "frame": 40}, "episode 0 .* has frames 0 to 39"),
        ({"colour": 1}, "reset has no option 'colour'; it has episode, frame"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "episode": 0}, "several starts at once"),
        ({"image": np.zeros((72, 64, 3), np.float32)}, "dtype float32; expected uint8"),
        ({"image": "nowhere.png"}, "There is no picture nowhere.png"),
        ({"state": {}}, "does not belong to this start"),
        ({"image": np.zeros((720, 64, 3), np.uint8), "state": "example"}, "make another environment"),
    ],
)
def test_wrong_starts_are_told_and_change_nothing(world, picture_start, options, words):
    world.reset(seed=2)
    before = world.unwrapped.world
    options = {**options, **({"state": picture_start["state"]} if options.get("state") == "example" else {})}
    with pytest.raises(UsageError, match=words):
        world.reset(options=options)
    assert world.unwrapped.world is before


def test_a_state_that_is_missing_is_told(world, picture_start):
    with pytest.raises(EmbodimentError, match="the present state lacks 'cartesian_position'"):
        world.reset(options={"image": picture_start["image"]})


def test_wrong_actions_are_told_and_change_nothing(world):
    world.reset(seed=2)
    good = recorded_commands(world)
    for change, words in (
        ({"gripper_position": np.zeros(3)}, "expected \\[4, 1\\]"),
        ({"end_effector_position": np.full((4, 3), np.nan)}, "NaN or infinite"),
    ):
        with pytest.raises(EmbodimentError, match=words):
            world.step({**good, **change})
    assert world.unwrapped.world.chunks == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chunk_size": 6}, "chunk_size is 6; expected a positive multiple of 4"),
        ({"dataset": None}, "does not know where to begin"),
        ({"rewards": ["fame"]}, "There is no reward 'fame'; there are goal_image, "),
        ({"sampling": {"speed": 3}}, "fields that do not exist among speed"),
        ({"time_limit_s": 0}, "limit_s is 0; expected seconds above 0"),
        ({"workspace_m": -1}, "workspace_m is -1; expected metres above 0"),
        ({"model_options": {"device": "cpu"}}, "cannot be given beside a model"),
        ({"planet": "Mars"}, "no argument 'planet'; it has checkpoint"),
    ],
)
def test_wrong_arguments_are_told(make_world, options, words):
    with pytest.raises(UsageError, match=words):
        make_world(**options)


def test_a_closed_environment_closes_its_own_model_and_no_other(make_world, tiny):
    environment = make_world(checkpoint="tiny", model_options={"device": "cpu"})
    environment.reset(seed=0)
    environment.close()
    environment.close()
    shared = make_world()
    shared.close()
    assert tiny.info.checkpoint == "tiny"
    make_world().reset(seed=0)
