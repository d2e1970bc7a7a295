"""The openpi wire for robots beside DROID: LIBERO's client, and any other robot under the names of its contract."""

import numpy as np
import pytest
from server_helpers import scripted_server, sighting
from websockets.sync.client import connect as open_socket

import embodiments
from cosmos_policy import Observation
from cosmos_policy.server.dialects.openpi_wires import wires_for
from cosmos_policy.wire.arrays import packb, unpackb
from cosmos_policy.wire.contract import required_state
from embodiments.robots.libero import simulator_actions


@pytest.fixture
def libero(libero_server):
    with open_socket(libero_server.socket, compression=None, max_size=None, proxy=None) as socket:
        yield socket


def libero_message(**more):
    """As openpi's example client builds it."""
    pictures = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    return {
        "observation/image": pictures[0],
        "observation/wrist_image": pictures[1],
        "observation/state": np.linspace(0, 1, 8),
        "prompt": "open the drawer",
        **more,
    }


def ask(socket, message):
    socket.send(packb(message))
    reply = socket.recv(timeout=60)
    return reply if isinstance(reply, str) else unpackb(reply)


def test_liberos_client_gets_rows_for_its_simulator(libero, tiny):
    assert unpackb(libero.recv(timeout=20))["embodiment"] == "libero"
    message = libero_message(seed=3)
    reply = ask(libero, message)
    views = {"third_person": message["observation/image"], "wrist": message["observation/wrist_image"]}
    chunk = tiny.policy(Observation(views, {}), message["prompt"], embodiment="libero", seed=3)
    assert reply["actions"].shape == (16, 7)
    np.testing.assert_allclose(reply["actions"], simulator_actions(chunk.commands, "zero_one"), atol=1e-5)
    assert np.abs(reply["actions"][:, 6]).max() <= 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"observation/state": np.zeros(7)}, r"must have shape [8]"),
        ({"observation/wrist_image": None}, "must be a picture"),
        ({"observation/joint_position": np.zeros(7)}, "has no key 'observation/joint_position'"),
        ({"observation/image": np.zeros((9, 9, 3))}, "expected uint8"),
    ],
)
def test_a_wrong_libero_message_is_told_as_text(libero, changes, sentence):
    libero.recv(timeout=20)
    assert sentence in ask(libero, libero_message(**changes))
    assert "did not come" in ask(libero, {"observation/image": np.zeros((9, 9, 3), np.uint8), "prompt": "x"})


def test_any_robot_goes_by_the_names_of_its_contract():
    robot, seen = embodiments.get("ur"), sighting(embodiment="ur", size=(36, 64))
    with (
        scripted_server(embodiment="ur") as server,
        open_socket(server.socket, compression=None, max_size=None, proxy=None) as socket,
    ):
        keys = unpackb(socket.recv(timeout=20))["keys"]
        assert {"observation/top", "observation/joint_position"} <= set(keys)
        short = {f"observation/{view}": image for view, image in seen.images.items()}
        long = {f"observation/images/{view}": image for view, image in seen.images.items()}
        state = {f"observation/{field.name}": seen.state[field.name] for field in required_state(robot)}
        one = ask(socket, {**short, **state, "prompt": "lift", "seed": 1})
        same = ask(socket, {**long, **state, "prompt": "lift", "seed": 1})
        np.testing.assert_array_equal(one["actions"], same["actions"])
        assert one["actions"].shape == (robot.chunk_size, 3 + 4 + 1)
        np.testing.assert_allclose(one["commands/end_effector_position"], one["actions"][:, :3], atol=1e-6)
        assert "were both sent" in ask(socket, {**short, **long, **state, "prompt": "lift"})
        assert "lacks 'observation/joint_position' (" in ask(socket, {**short, "prompt": "lift"})


@pytest.mark.parametrize("name", embodiments.names())
def test_every_robot_has_a_dialect_that_takes_what_is_left(name):
    robot = embodiments.get(name)
    wires = wires_for(robot)
    assert wires[-1].knows({})
    # every key is named once, and every view and state has one
    keys = wires[-1].keys(robot)
    assert len(set(keys)) == len(keys)
    assert len(keys) >= len(robot.views)
