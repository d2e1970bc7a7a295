"""What each known checkpoint can do, and that a call which it cannot do names one that can."""

import pytest

import cosmos_policy
from cosmos_policy.checkpoints import cards
from cosmos_policy.checkpoints.abilities import ABILITIES, calls_of, require_ability
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling, Transfer

QUICK = {"num_frames": 5, "sampling": Sampling(1, 1.0, 5.0, 256)}


@pytest.fixture(scope="module")
def like(tiny):
    """name of a known checkpoint -> tiny in its place."""
    known = cards()

    def change(name):
        tiny._card = known[name]
        return tiny

    own = tiny._card
    yield change
    tiny._card = own


def test_every_published_checkpoint_is_known_with_its_size():
    names = {
        "Cosmos3-Nano", "Cosmos3-Super", "Cosmos3-Super-Text2Image", "Cosmos3-Super-Image2Video",
        "Cosmos3-Super-Text2Image-4Step", "Cosmos3-Super-Image2Video-4Step", "Cosmos3-Nano-Policy-DROID",
        "Cosmos3-Edge", "Cosmos3-Edge-Policy-DROID",
    }  # fmt: skip
    known = {name.rpartition("/")[2]: card for name, card in cards().items()}
    assert names | {"tiny", "small"} == known.keys()
    assert all(known[name].weights_gib > 7 for name in names)
    assert known["Cosmos3-Super"].weights_gib == pytest.approx(120.5, abs=0.1)
    assert set(known["Cosmos3-Nano"].abilities) == set(ABILITIES)
    assert calls_of(known["Cosmos3-Super-Text2Image"]) == ("generate",)
    assert calls_of(known["Cosmos3-Nano-Policy-DROID"]) == (
        "policy", "inverse_dynamics", "forward_dynamics", "reason",
    )  # fmt: skip


def test_every_ability_is_somebodys():
    for ability in ABILITIES:
        for card in cards().values():
            if ability in card.abilities:
                require_ability(card, ability)
            else:
                with pytest.raises(UsageError, match=r"ask nvidia/Cosmos3-\w+"):
                    require_ability(card, ability)


def test_calls_that_a_checkpoint_cannot_do_are_refused_with_one_that_can(like, observation, frames):
    pictures = like("nvidia/Cosmos3-Super-Text2Image")
    assert pictures.calls == ("generate",)
    with pytest.raises(UsageError, match=r"not trained for actions.*ask nvidia/Cosmos3-Edge or"):
        pictures.policy(observation, "go", embodiment="droid")
    with pytest.raises(UsageError, match=r"not trained for reason.*nvidia/Cosmos3-Nano"):
        pictures.reason([{"role": "user", "content": "Hello?"}])
    with pytest.raises(UsageError, match=r"not trained for text-to-video.*nvidia/Cosmos3-Nano"):
        pictures.generate("x", **QUICK)
    assert len(pictures.generate("x", **{**QUICK, "num_frames": 1}).frames) == 1
    videos = like("nvidia/Cosmos3-Super-Image2Video")
    with pytest.raises(UsageError, match=r"not trained for text-to-image.*Super-Text2Image"):
        videos.generate("x", **{**QUICK, "num_frames": 1})
    with pytest.raises(UsageError, match=r"not trained for sound"):
        videos.generate("x", image=frames[0], sound=True, **QUICK)
    assert len(videos.generate("x", image=frames[0], **QUICK).frames) == 5
    small = like("nvidia/Cosmos3-Edge")
    with pytest.raises(UsageError, match=r"not trained for transfer.*nvidia/Cosmos3-Nano or nvidia/Cosmos3-Super"):
        small.generate("x", transfer=Transfer({"blur": frames}), sampling=QUICK["sampling"])


def test_a_warm_up_covers_questions_and_generations(single_thread):
    with cosmos_policy.load("tiny", device="cpu") as model:
        assert model._reasoner_made is None
        assert model.warm_up("droid", calls=("reason", "generate")) > 0
        assert model._reasoner_made is not None  # the vision encoder is there
        with pytest.raises(UsageError, match=r"warm_up knows the calls policy, .*generate, not dance"):
            model.warm_up("droid", calls=("dance",))
