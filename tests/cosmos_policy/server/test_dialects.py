"""Conformance of every dialect, against tiny: clients get what the same model answers when it is called directly."""

import base64
import io
import json
import shutil
import subprocess
import sys
import textwrap
import time
import warnings

import av
import httpx
import numpy as np
import openai
import pytest
from server_helpers import connected, droid_message, sighting
from websockets.sync.client import connect as open_socket

import cosmos_policy
import embodiments
from cosmos_policy import Observation, PolicyRequest, Sampling
from cosmos_policy.inputs import visible_content
from cosmos_policy.server.media.clips import encode_mp4
from cosmos_policy.server.media.images import encode_png
from cosmos_policy.wire.arrays import packb, unpackb

SMALL = (36, 64)
QUICK = Sampling(num_inference_steps=1)
#: The client imports typing_extensions and does not ask for it.
OPENPI_CLIENT = ("openpi-client", "typing_extensions")
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def direct(tiny):
    """An openpi message -> the chunk of the model in this process."""

    def call(message, seed, embodiment="droid_joint"):
        images = {
            "wrist": message["observation/wrist_image_left"],
            "exterior_1": message["observation/exterior_image_1_left"],
            "exterior_2": message["observation/exterior_image_2_left"],
        }
        state = {name: message[f"observation/{name}"] for name in ("joint_position", "gripper_position")}
        return tiny.policy(Observation(images, state), message["prompt"], embodiment=embodiment, seed=seed)

    return call


class Speaker:
    """A socket that speaks msgpack."""

    def __init__(self, socket):
        self.socket, self.greeting = socket, unpackb(socket.recv())

    def ask(self, message):
        self.socket.send(packb(message))
        answer = self.socket.recv()
        return answer if isinstance(answer, str) else unpackb(answer)


@pytest.fixture
def speaker(tiny_server):
    with open_socket(tiny_server.socket, compression=None, max_size=None, proxy=None) as socket:
        yield Speaker(socket)


def robot_rows(chunk):
    return np.concatenate([chunk.commands["joint_position"], chunk.commands["gripper_position"][:, None]], 1)


def test_openpi_droid(speaker, direct):
    message = droid_message(size=SMALL)
    answer = speaker.ask(message)
    assert answer["actions"].shape == (32, 8)
    assert answer["actions"].dtype == np.float32
    np.testing.assert_array_equal(answer["action"], answer["actions"])
    chunk = direct(message, answer["seed"])
    np.testing.assert_allclose(answer["actions"], robot_rows(chunk), **TOLERANCE)
    # The gripper on this wire is 1 = closed, the model's is 1 = open.
    np.testing.assert_allclose(answer["actions"][:, 7], 1.0 - chunk.model[:, 7], **TOLERANCE)
    assert answer["server_timing"]["infer_ms"] > 0
    assert "prev_total_ms" not in answer["server_timing"]
    assert speaker.ask(message)["server_timing"]["prev_total_ms"] > 0
    assert all(len(value) == 32 for value in answer.values() if isinstance(value, np.ndarray))


def test_roboarena_greeting_sessions_and_reset(speaker):
    assert set(speaker.greeting) == {
        "image_resolution", "needs_wrist_camera", "n_external_cameras", "needs_stereo_camera", "needs_session_id",
        "action_space",
    }  # fmt: skip
    assert speaker.greeting["action_space"] == "joint_position"
    message = droid_message(size=SMALL, endpoint="infer", session_id="one")
    message["observation/exterior_image_0_left"] = message["observation/exterior_image_1_left"]
    message["observation/exterior_image_1_left"] = message.pop("observation/exterior_image_2_left")
    first, second = speaker.ask(message), speaker.ask(message)
    other = speaker.ask({**message, "session_id": "two"})
    assert len({first["seed"], second["seed"], other["seed"]}) == 3
    assert speaker.ask({"endpoint": "reset", "session_ids": ["one"]}) == "reset successful"
    fresh = speaker.ask(message)
    assert fresh["seed"] not in (first["seed"], second["seed"])
    assert speaker.ask({"endpoint": "reset", "session_ids": None}) == "reset successful"
    assert "no endpoint 'stop'" in speaker.ask({"endpoint": "stop"})
    # Cameras numbered from 1 are the same cameras.
    numbered = {**message, "observation/exterior_image_2_left": message["observation/exterior_image_1_left"]}
    numbered["observation/exterior_image_1_left"] = numbered.pop("observation/exterior_image_0_left")
    same = speaker.ask({**numbered, "seed": first["seed"]})
    np.testing.assert_allclose(same["actions"], first["actions"], **TOLERANCE)


def test_robolab_composed_frame_and_rows(speaker):
    message = droid_message(size=(360, 640), seed=5, **{"observation/cartesian_position": np.zeros(6)})
    message["seed"] = 5
    apart = speaker.ask(message)
    robot, names = embodiments.get("droid_joint"), ("wrist", "exterior_1", "exterior_2")
    pictures = [message.pop(key) for key in list(message) if "image" in key]
    composed = robot.compose(dict(zip(names, pictures, strict=True)))
    rows = {
        "observation/image": composed,
        "observation/joint_position": np.stack([np.zeros(7), message["observation/joint_position"]]),
        "observation/gripper_position": np.array([[0.0], message["observation/gripper_position"]]),
        "prompt": message["prompt"],
        "seed": 5,
    }
    together = speaker.ask(rows)
    assert composed.shape == (540, 640, 3)
    np.testing.assert_allclose(together["action"], apart["action"], **TOLERANCE)
    assert "in the proportions of 640x540" in speaker.ask({**rows, "observation/image": composed[:500]})


WRONG = {
    "a missing camera": ({"observation/exterior_image_2_left": None}, "exterior_2 did not come"),
    "an unknown key": ({"observation/torque": 1}, "no key 'observation/torque'"),
    "a float picture": ({"observation/wrist_image_left": np.zeros((4, 4, 3))}, "expected uint8"),
    "six joints": ({"observation/joint_position": np.zeros(6)}, r"shape [7] or [rows, 7]"),
    "NaN": ({"observation/joint_position": np.full(7, np.nan)}, "NaN or infinite"),
    "no gripper": ({"observation/gripper_position": None}, "lacks 'observation/gripper_position'"),
    "no prompt": ({"prompt": None}, "instruction is missing"),
    "a wrong prompt": ({"prompt": 3}, "prompt must be text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_message_is_told_as_text(speaker, name):
    changes, sentence = WRONG[name]
    message = {key: value for key, value in {**droid_message(size=SMALL), **changes}.items() if value is not None}
    assert sentence in speaker.ask(message)
    assert isinstance(speaker.ask(droid_message(size=SMALL)), dict)  # and the connection still serves


def test_a_text_frame_and_garbage_are_told_as_text(speaker):
    speaker.socket.send("hello")
    assert "binary frames" in speaker.socket.recv()
    speaker.socket.send(b"\xc1\xc1")
    assert "not msgpack" in speaker.socket.recv()


def test_the_session_remembers_its_instruction(speaker):
    message = droid_message(size=SMALL)
    first = speaker.ask({**message, "seed": 1})
    del message["prompt"]
    np.testing.assert_array_equal(speaker.ask({**message, "seed": 1})["actions"], first["actions"])


def test_the_unmodified_openpi_client(tiny_server, tmp_path_factory):
    """In its own environment: it wants numpy < 2."""
    uv = shutil.which("uv") or str(shutil.which("uv", path=f"{sys.base_prefix}/bin"))
    python = tmp_path_factory.mktemp("openpi") / "env" / "bin" / "python"
    steps = (
        [uv, "venv", "-q", "--offline", "--python", "3.11", str(python.parent.parent)],
        [uv, "pip", "install", "-q", "--offline", "--python", str(python), *OPENPI_CLIENT],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"uv is not on this machine to make openpi-client's environment with ({error})")
        if done.returncode:
            pytest.skip(f"openpi-client's environment cannot be made offline here: {done.stderr.strip()[-200:]}")
    script = textwrap.dedent("""
        import sys, numpy as np
        from openpi_client.websocket_client_policy import WebsocketClientPolicy
        from openpi_client.action_chunk_broker import ActionChunkBroker
        assert np.__version__ < "2"
        client = WebsocketClientPolicy("127.0.0.1", int(sys.argv[1]))
        assert client.get_server_metadata()["action_space"] == "joint_position"
        with np.load(sys.argv[2]) as arrays:
            message = dict(arrays)
        message["prompt"] = str(message["prompt"])
        message["seed"] = 3
        answer = client.infer(message)
        broker = ActionChunkBroker(client, action_horizon=4)
        steps = [broker.infer(message)["actions"] for _ in range(6)]
        np.savez(sys.argv[3], actions=answer["actions"], steps=np.stack(steps))
        try:
            client.infer({"prompt": "x"})
        except RuntimeError as error:
            assert "lacks 'observation/joint_position'" in str(error), error
        else:
            raise AssertionError("an error was taken for an answer")
    """)
    folder = python.parent.parent.parent
    message = droid_message(size=SMALL)
    np.savez(folder / "in.npz", **message)
    command = [str(python), "-c", script, str(tiny_server.port), str(folder / "in.npz"), str(folder / "out.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "out.npz") as found, connected(tiny_server) as model:
        seen = sighting(size=SMALL)
        chunk = model.policy(seen, message["prompt"], embodiment="droid_joint", seed=3)
        np.testing.assert_allclose(found["actions"], robot_rows(chunk), **TOLERANCE)
        np.testing.assert_array_equal(found["steps"], found["actions"][[0, 1, 2, 3, 0, 1]])


def test_our_client_answers_as_the_local_model_does(tiny_server, tiny):
    seen, robot = sighting(size=SMALL), embodiments.get("droid_joint")
    frame = robot.compose(seen.images)
    frames = np.stack([np.roll(frame, 2 * step, axis=1) for step in range(5)])
    actions = robot.encode(robot.example_trajectory(num_steps=4))
    with connected(tiny_server, embodiment="droid_joint") as remote:
        assert remote.info.checkpoint == "tiny"
        assert remote.sampling_for("droid_joint") == tiny.sampling_for("droid_joint")
        for model_call in (
            lambda m: m.policy(
                seen, "go", embodiment=robot, seed=2, chunk_size=4, sampling=QUICK, video=True, prefix=actions[:1]
            ),
            lambda m: m.inverse_dynamics(frames, embodiment="droid_joint", seed=2, state=seen.state, sampling=QUICK),
        ):
            ours, theirs = model_call(tiny), model_call(remote)
            for name in ("model", "unified"):
                np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), **TOLERANCE)
            assert theirs.commands.keys() == ours.commands.keys()
            assert (theirs.dt, theirs.stamp, theirs.valid_until) == (ours.dt, ours.stamp, ours.valid_until)
            assert theirs.info["sampling"] == ours.info["sampling"]
            if ours.video is not None:
                np.testing.assert_array_equal(theirs.video, ours.video)
        rollouts = [
            m.forward_dynamics(frame, actions, embodiment="droid_joint", state=seen.state, sampling=QUICK)
            for m in (tiny, remote)
        ]
        np.testing.assert_array_equal(rollouts[1].frames, rollouts[0].frames)
        batch = remote.policy(
            [PolicyRequest(seen, f"task {n}", "droid_joint", seed=n, chunk_size=4, sampling=QUICK) for n in range(4)]
        )
        assert batch[0].info["serving"]["batch_size"] == 4
        for number, chunk in enumerate(batch):
            alone = tiny.policy(
                seen, f"task {number}", embodiment="droid_joint", seed=number, chunk_size=4, sampling=QUICK
            )
            np.testing.assert_allclose(chunk.model, alone.model, **TOLERANCE)


def json_observation(seen):
    images = {
        view: "data:image/png;base64," + base64.b64encode(encode_png(image)).decode()
        for view, image in seen.images.items()
    }
    return {
        "images": images,
        "state": {name: values.tolist() for name, values in seen.state.items()},
        "stamp": seen.stamp,
    }


def test_rest_in_json_and_msgpack(tiny_server, tiny):
    seen = sighting(size=SMALL)
    expected = tiny.policy(seen, "go", embodiment="droid_joint", seed=4, chunk_size=4, sampling=QUICK, video=True)
    body = {"instruction": "go", "seed": 4, "chunk_size": 4, "sampling": {"num_inference_steps": 1}, "video": True}
    url = f"{tiny_server.http}/v1/actions/policy"
    answer = httpx.post(url, json={**body, "observation": json_observation(seen)}, timeout=60, trust_env=False).json()
    np.testing.assert_allclose(answer["unified"], expected.unified, **TOLERANCE)
    np.testing.assert_allclose(answer["commands"]["joint_position"], expected.commands["joint_position"], **TOLERANCE)
    assert (answer["stamp"], answer["valid_until"]) == (seen.stamp, expected.valid_until)
    assert answer["info"]["serving"]["checkpoint"] == "tiny"
    with av.open(io.BytesIO(base64.b64decode(answer["video"]["data"]))) as container:
        assert container.streams.video[0].frames == 5
    observation = {"images": seen.images, "state": seen.state, "stamp": seen.stamp}
    packed = httpx.post(
        url,
        content=packb({**body, "observation": observation}),
        headers={"Content-Type": "application/msgpack"},
        timeout=60,
        trust_env=False,
    )
    assert packed.headers["content-type"] == "application/msgpack"
    chunk = unpackb(packed.content)
    np.testing.assert_allclose(chunk["model"], expected.model, **TOLERANCE)
    np.testing.assert_array_equal(chunk["video"], expected.video)


def test_rest_inverse_and_forward_dynamics(tiny_server, tiny):
    robot, seen = embodiments.get("droid_joint"), sighting(size=SMALL)
    frame = robot.compose(seen.images)
    frames = np.stack([frame] * 5)
    picture = base64.b64encode(encode_png(frame)).decode()
    state = {name: values.tolist() for name, values in seen.state.items()}
    common = {"state": state, "seed": 1, "sampling": {"num_inference_steps": 1}}

    def post(path, body):
        return httpx.post(f"{tiny_server.http}/v1/actions/{path}", json=body, timeout=60, trust_env=False).json()

    expected = tiny.inverse_dynamics(frames, embodiment="droid_joint", seed=1, state=seen.state, sampling=QUICK)
    found = post("inverse-dynamics", {"frames": [picture] * 5, **common})
    np.testing.assert_allclose(found["unified"], expected.unified, **TOLERANCE)
    raw = {"dtype": "|u1", "shape": frames.shape, "data": base64.b64encode(frames.tobytes()).decode()}
    np.testing.assert_allclose(
        post("inverse-dynamics", {"frames": raw, **common})["unified"], expected.unified, **TOLERANCE
    )
    actions = robot.encode(robot.example_trajectory(num_steps=4))
    found = post("forward-dynamics", {"frame": picture, "actions": actions.tolist(), **common})
    assert found["frames"]["shape"] == [5, *visible_content(frame[None], 256).shape[1:]]
    narrow = post("forward-dynamics", {"frame": picture, "actions": [[0.0] * 7] * 4, **common})
    assert "expects [T, 8]" in narrow["error"]["message"]


def test_libero(libero_server, tiny):
    robot = embodiments.get("libero")
    images = [robot.example_observation(seed=seed)["images"] for seed in range(2)]
    task = "put the bowl on the stove"
    told = (
        f"{task}. This video contains concatenated views from multiple camera perspectives. The left half shows the x."
    )

    def item(views):
        picture = base64.b64encode(encode_png(robot.compose(views))).decode()
        return {"image": picture, "prompt": told, "domain_name": "libero", "image_size": 256, "seed": 9}

    def post(path, body):
        return httpx.post(libero_server.http + path, json=body, timeout=120, trust_env=False)

    assert httpx.get(libero_server.http + "/", trust_env=False).status_code == 200
    assert httpx.get(libero_server.http + "/info", trust_env=False).json()["embodiment"]["name"] == "libero"
    expected = [
        tiny.policy(Observation(views, None), f"{task}.", embodiment="libero", seed=9).unified for views in images
    ]
    action = np.array(post("/predict", item(images[0])).json()["action"])
    assert action.shape == (16, 10)
    np.testing.assert_allclose(action, expected[0], **TOLERANCE)
    both = post("/predict_batch", {"items": [item(views) for views in images]}).json()
    np.testing.assert_allclose(both["actions"], expected, **TOLERANCE)
    assert both["serving"]["batch_size"] == 2
    assert post("/next_episode", {"prompt": task}).status_code == 200
    for wrong in (
        {**item(images[0]), "image": "!!"},
        {"prompt": "x"},
        {**item(images[0]), "domain_name": "droid"},
        {**item(images[0]), "image": base64.b64encode(encode_png(images[0]["wrist"])).decode()},
    ):
        answer = post("/predict", wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


def extra_params(mode, **more):
    return json.dumps({"action_mode": mode, "domain_name": "droid_lerobot", "raw_action_dim": 8, **more})


def test_the_openai_client(tiny_server, tiny):
    client = openai.OpenAI(base_url=f"{tiny_server.http}/v1", api_key="none", timeout=60)
    assert [model.id for model in client.models.list()] == ["tiny"]
    with pytest.raises(openai.NotFoundError, match="'other' is not loaded"):
        client.chat.completions.create(model="other", messages=[{"role": "user", "content": "x"}])
    seen, robot = sighting(size=SMALL), embodiments.get("droid_joint")
    frame = robot.compose(seen.images)
    state = {name: values.tolist() for name, values in seen.state.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # OpenAI retires its own video service, not the form of it
        job = client.videos.create(
            prompt="go",
            model="tiny",
            input_reference=("frame.png", encode_png(frame), "image/png"),
            extra_body={
                "seed": 6,
                "num_inference_steps": 1,
                "extra_params": extra_params("policy", action_chunk_size=4, state=state),
            },
        )
        assert job.status in ("queued", "in_progress", "completed")
        until = time.monotonic() + 60
        while job.status not in ("completed", "failed") and time.monotonic() < until:
            time.sleep(0.1)
            job = client.videos.retrieve(job.id)
        assert job.status == "completed", job.error
        content = client.videos.download_content(job.id).read()
        assert [each.id for each in client.videos.list()] == [job.id]
        assert client.videos.delete(job.id).deleted
        with pytest.raises(openai.NotFoundError):
            client.videos.retrieve(job.id)
    with av.open(io.BytesIO(content)) as container:
        assert (container.streams.video[0].codec_context.name, container.streams.video[0].frames) == ("h264", 5)
    expected = tiny.policy(
        Observation(robot.split(frame), seen.state),
        "go",
        embodiment="droid_joint",
        seed=6,
        chunk_size=4,
        sampling=QUICK,
    )
    np.testing.assert_allclose(job.action["model"], expected.model, **TOLERANCE)
    np.testing.assert_allclose(
        job.action["commands"]["joint_position"], expected.commands["joint_position"], **TOLERANCE
    )


def test_curl_with_forms(tiny_server, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    seen, robot = sighting(size=SMALL), embodiments.get("droid_joint")
    frame = robot.compose(seen.images)
    state = {name: values.tolist() for name, values in seen.state.items()}
    (tmp_path / "frame.png").write_bytes(encode_png(frame))
    (tmp_path / "clip.mp4").write_bytes(encode_mp4(np.stack([frame] * 5), 15))

    def curl(path, *fields):
        forms = [part for field in fields for part in ("-F", field)]
        command = ["curl", "-sS", "--noproxy", "*", "-m", "60", *forms, f"{tiny_server.http}{path}"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    actions = robot.normalize(robot.encode(robot.example_trajectory(num_steps=4))).tolist()
    video = curl(
        "/v1/videos/sync",
        "prompt=go",
        f"input_reference=@{tmp_path}/frame.png",
        "num_inference_steps=1",
        "seed=1",
        "num_frames=5",
        "fps=15",
        f"extra_params={extra_params('forward_dynamics', action=actions, state=state)}",
    )
    with av.open(io.BytesIO(video)) as container:
        assert container.streams.video[0].frames == 5
    job = json.loads(
        curl(
            "/v1/videos",
            "prompt=",
            f"input_reference=@{tmp_path}/clip.mp4",
            "num_inference_steps=1",
            f"extra_params={extra_params('inverse_dynamics', state=state)}",
        )
    )
    until = time.monotonic() + 60
    while job["status"] not in ("completed", "failed") and time.monotonic() < until:
        time.sleep(0.1)
        job = json.loads(curl(f"/v1/videos/{job['id']}"))
    assert job["status"] == "completed", job
    assert np.shape(job["action"]["unified"]) == (4, 8)
    assert "makes no video" in curl(f"/v1/videos/{job['id']}/content").decode()


BAD_FORMS = {
    "a generation's field": ({"extra_params": '{"action_mode": "policy", "controls": {}}'}, 400, "no field 'controls'"),
    "an unknown mode": ({"extra_params": '{"action_mode": "fly"}'}, 400, "action_mode must be one of"),
    "another robot": ({"extra_params": '{"action_mode": "policy", "domain_name": "av"}'}, 400, "serves droid_joint"),
    "another width": ({"extra_params": extra_params("policy").replace("8}", "10}")}, 400, "raw_action_dim is 10"),
    "another rate": ({"fps": "24"}, 400, "fps is 24"),
    "an unknown field": ({"colour": "red"}, 400, "no field 'colour'"),
    "a wrong size": ({"size": "100x100"}, 400, "no canvas"),
    "a negative prompt": ({"negative_prompt": "blur"}, 400, "no effect on actions"),
    "sound": ({"generate_sound": "true"}, 400, "no sound"),
    "seconds": ({"seconds": "4"}, 400, "leave it out"),
    "frames that do not fit": ({"num_frames": "7"}, 400, "go with 33 frames"),
    "another model": ({"model": "sora"}, 404, "not loaded here"),
    "no JSON": ({"extra_params": "{"}, 400, "not JSON"),
    "a path": ({"extra_params": extra_params("forward_dynamics", action_path="/etc/passwd")}, 403, "reads none"),
}


@pytest.mark.parametrize("name", BAD_FORMS)
def test_a_video_form_that_does_not_fit_is_told_why(tiny_server, name):
    changes, status, sentence = BAD_FORMS[name]
    form = {"prompt": "go", "extra_params": extra_params("policy"), **changes}
    picture = encode_png(np.zeros((54, 64, 3), np.uint8))
    answer = httpx.post(
        f"{tiny_server.http}/v1/videos/sync",
        data=form,
        files={"input_reference": ("a.png", picture, "image/png")},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == status
    assert sentence in answer.json()["error"]["message"]


def test_another_robot_is_refused_when_connecting(tiny_server):
    with pytest.raises(cosmos_policy.UsageError, match="serves the embodiment 'droid_joint', not 'umi'"):
        cosmos_policy.connect(tiny_server.socket, embodiment="umi")
