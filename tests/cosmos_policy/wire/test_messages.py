"""Typed requests and answers as maps: nothing is lost, nothing strange gets in."""

import dataclasses

import numpy as np
import pytest

import embodiments
from cosmos_policy import ActionChunk, Observation, PolicyRequest, Sampling, UsageError
from cosmos_policy.types import GenerateRequest, Media, ReasonRequest, ReasonSampling, Reply, Transfer
from cosmos_policy.wire.arrays import packb, unpackb
from cosmos_policy.wire.contract import AGREED, contract_hash, describe_embodiment, require_agreement
from cosmos_policy.wire.messages import CALLS, decode_answer, decode_request, encode_answer, encode_request
from cosmos_policy.wire.readers import READERS

POLICY = CALLS["policy"]


@pytest.fixture
def request_(observation):
    return PolicyRequest(
        observation,
        "lift it",
        "droid",
        seed=2**40,
        chunk_size=4,
        sampling=Sampling(num_inference_steps=3, guidance_scale=1.5),
        video=True,
    )


def test_a_request_survives_the_wire(request_):
    back = decode_request(POLICY, unpackb(packb(encode_request(request_))))
    for name in ("instruction", "embodiment", "seed", "chunk_size", "sampling", "video"):
        assert getattr(back, name) == getattr(request_, name)
    assert back.observation.stamp == request_.observation.stamp
    for view, image in request_.observation.images.items():
        np.testing.assert_array_equal(back.observation.images[view], image)
    for name, values in request_.observation.state.items():
        np.testing.assert_array_equal(back.observation.state[name], values)


def test_every_field_of_every_request_can_be_read():
    for call in CALLS.values():
        for field in dataclasses.fields(call.request):
            assert field.name in READERS


def test_a_conversation_survives_the_wire():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    asked = ReasonRequest(
        [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": "What is it?"}]}],
        reasoning=True,
        sampling=ReasonSampling(temperature=0.2, top_k=5),
        seed=7,
        max_tokens=12,
        stop=("END",),
    )
    back = decode_request(CALLS["reason"], unpackb(packb(encode_request(asked))))
    np.testing.assert_array_equal(back.messages[0]["content"][0].pop("image"), picture)
    asked.messages[0]["content"][0].pop("image")
    assert back == asked
    reply = Reply("a tap", "hm", "stop", 9, 3, info={"sampling": asked.sampling, "seed": 7})
    for each in (reply, dataclasses.replace(reply, reasoning=None)):
        assert decode_answer(CALLS["reason"], unpackb(packb(encode_answer(each)))) == each


def test_a_generation_survives_the_wire():
    frames = np.arange(72, dtype=np.uint8).reshape(2, 3, 4, 3)
    asked = GenerateRequest(
        "an aisle",
        num_frames=5,
        size=(320, 192),
        image=frames[0],
        video=frames,
        condition_frames=(0,),
        transfer=Transfer({"edge": frames}, interval=(1.0, 900.0)),
        sound=True,
        seed=3,
    )
    back = decode_request(CALLS["generate"], unpackb(packb(encode_request(asked))))
    np.testing.assert_array_equal(back.image, asked.image)
    np.testing.assert_array_equal(back.video, asked.video)
    np.testing.assert_array_equal(back.transfer.videos["edge"], frames)
    plain = {"image": None, "video": None, "transfer": None}
    assert dataclasses.replace(back, **plain) == dataclasses.replace(asked, **plain)
    assert dataclasses.replace(back.transfer, videos={}) == dataclasses.replace(asked.transfer, videos={})
    made = Media(frames, 24.0, np.zeros((2, 4), np.float32), info={"sampling": Sampling(2), "seed": 3})
    found = decode_answer(CALLS["generate"], unpackb(packb(encode_answer(made))))
    np.testing.assert_array_equal(found.sound, made.sound)
    assert found.info == made.info
    with pytest.raises(UsageError, match="needs videos"):
        decode_request(CALLS["generate"], {"prompt": "x", "transfer": {}})


def test_an_unknown_state_stays_unknown_and_an_empty_one_empty(request_):
    for state in (None, {}):
        observation = Observation(request_.observation.images, state)
        message = unpackb(packb(encode_request(dataclasses.replace(request_, observation=observation))))
        assert decode_request(POLICY, message).observation.state == state


def test_an_answer_survives_the_wire():
    chunk = ActionChunk(
        model=np.ones((2, 3), np.float32),
        unified=np.ones((2, 3)),
        commands={"joint": np.zeros((2, 7))},
        dt=0.1,
        stamp=3.0,
        valid_until=3.2,
        timing={"total": 1.0},
        info={"sampling": Sampling(1, 2.0, 3.0, 256), "seed": 3},
    )
    back = decode_answer(POLICY, unpackb(packb(encode_answer(chunk))))
    np.testing.assert_array_equal(back.model, chunk.model)
    assert back.info == chunk.info
    assert back.video is None


WRONG = {
    "no map": ([], "must be a map"),
    "no observation": ({"instruction": "x"}, "needs the field 'observation'"),
    "a stranger": ({"observation": {"images": {}}, "sead": 1}, "no field 'sead'"),
    "no images": ({"observation": {}}, "takes images"),
    "a float image": ({"observation": {"images": {"wrist": np.zeros((4, 4, 3))}}}, "expected uint8"),
    "NaN in the state": ({"observation": {"images": {}, "state": {"q": [float("nan")]}}}, "NaN or infinite"),
    "an infinite stamp": ({"observation": {"images": {}, "stamp": float("inf")}}, "finite number"),
    "text for a seed": ({"observation": {"images": {}}, "seed": "1"}, "whole number"),
    "a negative seed": ({"observation": {"images": {}}, "seed": -1}, "whole number"),
    "a boolean seed": ({"observation": {"images": {}}, "seed": True}, "whole number"),
    "a long instruction": ({"observation": {"images": {}}, "instruction": "x" * 20_001}, "at most 20000"),
    "a wrong setting": ({"observation": {"images": {}}, "sampling": {"steps": 3}}, "no setting 'steps'"),
    "a ragged list": ({"observation": {"images": {}, "state": {"q": [[1], [1, 2]]}}}, "even array"),
    "lists for a picture": ({"observation": {"images": {"wrist": [[1], [2, 3]]}}}, "an array of uint8 pixels"),
    "a flag in text": ({"observation": {"images": {}}, "video": "yes"}, "true or false"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_told_what_was_expected(name):
    message, sentence = WRONG[name]
    with pytest.raises(UsageError, match=sentence):
        decode_request(POLICY, message)


@pytest.mark.parametrize("name", embodiments.names())
def test_every_robot_can_be_described_and_agrees_with_itself(name):
    robot = describe_embodiment(embodiments.get(name))
    require_agreement(robot, robot, "here")
    assert len(contract_hash(robot)) == 64


@pytest.mark.parametrize("key", AGREED)
def test_a_difference_is_named(key):
    ours = describe_embodiment(embodiments.get("droid"))
    with pytest.raises(UsageError, match="disagree on droid's"):
        require_agreement(ours, {**ours, key: "other"}, "ws://there")


def test_another_robot_and_another_normaliser_are_refused():
    droid, joints = (describe_embodiment(embodiments.get(name)) for name in ("droid", "droid_joint"))
    with pytest.raises(UsageError, match="serves the embodiment 'droid_joint', not 'droid'"):
        require_agreement(droid, joints, "ws://there")
    other = {**droid, "normalizer": "another"}
    require_agreement(droid, other, "ws://there")
    with pytest.raises(UsageError, match="normalises droid with another"):
        require_agreement(droid, other, "ws://there", own_normalizer=True)
    longer = {**droid, "chunk_size": 64}
    require_agreement(droid, longer, "ws://there")  # the checkpoint's chunk is taken over
    with pytest.raises(UsageError, match="answers droid with chunks of 64 actions, but this embodiment was given 16"):
        require_agreement(droid, longer, "ws://there", own_chunk_size=True)
