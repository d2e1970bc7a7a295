"""N worlds and one call: equal to N single ones, reset one by one, and ended as Gymnasium's modes say."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import iterate

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel

NUMBER = 3


class EachAlone(WorldActionModel):
    """The real model, asked for one request at a time and counted: what is left of a difference is the vector's own."""

    def __init__(self, model):
        self.model, self.info, self.batches = model, model.info, []

    def sampling_for(self, embodiment, sampling=None):
        return self.model.sampling_for(embodiment, sampling)

    def embodiment_for(self, embodiment):
        return self.model.embodiment_for(embodiment)

    def _run_forward_dynamics(self, requests):
        self.batches.append(len(requests))
        return [self.model.forward_dynamics(request) for request in requests]

    def _run_policy(self, requests):
        raise NotImplementedError

    _run_inverse_dynamics = _run_policy


@pytest.fixture
def alone(tiny):
    return EachAlone(tiny)


def own_infos(infos, index):
    """One world's part of the vector's infos."""
    return {
        name: own_infos(value, index) if isinstance(value, dict) else value[index]
        for name, value in infos.items()
        if not name.startswith("_") and name not in ("final_obs", "final_info")
    }


def test_n_worlds_are_n_single_worlds(alone, make_world, make_worlds):
    options = {"checkpoint": alone, "time_limit_s": 0.6}
    vector = make_worlds(NUMBER, **options)
    singles = [make_world(**options) for _ in range(NUMBER)]
    vector.action_space.seed(1)
    observations, infos = vector.reset(seed=5)
    seen = [single.reset(seed=5 + index) for index, single in enumerate(singles)]
    for step in range(5):
        for index, (observation, own) in enumerate(
            zip(iterate(vector.observation_space, observations), seen, strict=True)
        ):
            assert data_equivalence(observation, own[0], exact=True), (step, index)
            facts = own_infos(infos, index)
            assert facts["seed"] == own[-1]["seed"] and facts["start"] == own[-1]["start"]
            assert facts["drift"] == own[-1]["drift"] and facts["time_s"] == own[-1]["time_s"]
        actions = vector.action_space.sample()
        observations, _rewards, _terminated, truncated, infos = vector.step(actions)
        if step == 3:  # the step after the third, which ended all of them
            assert not truncated.any() and infos["time_s"].tolist() == [0.0] * NUMBER
            seen = [single.reset() for single in singles]
            continue
        seen = [
            single.step(action) for single, action in zip(singles, iterate(vector.action_space, actions), strict=True)
        ]
        assert truncated.tolist() == [own[3] for own in seen] == [step == 2] * NUMBER
    assert alone.batches.count(NUMBER) == 4, "one call a step, none for worlds that are reset"


def test_a_real_batch_differs_by_rounding_alone(tiny, make_world, make_worlds):
    vector, single = make_worlds(2), make_world()
    vector.action_space.seed(1)
    vector.reset(seed=5)
    actions = vector.action_space.sample()
    observations, *_ = vector.step(actions)
    for index, (observation, action) in enumerate(
        zip(iterate(vector.observation_space, observations), iterate(vector.action_space, actions), strict=True)
    ):
        single.reset(seed=5 + index)
        own, *_ = single.step(action)
        assert data_equivalence(observation["state"], own["state"], exact=True)
        difference = np.abs(observation["composed"].astype(int) - own["composed"])
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def test_a_partial_reset_leaves_the_others_alone(alone, make_worlds):
    vector = make_worlds(NUMBER, checkpoint=alone)
    vector.reset(seed=1)
    vector.action_space.seed(1)
    vector.step(vector.action_space.sample())
    before = vector.worlds
    mask = np.array([False, True, False])
    observations, infos = vector.reset(seed=9, options={"reset_mask": mask, "episode": 1, "frame": 3})
    assert [now is then for now, then in zip(vector.worlds, before, strict=True)] == [True, False, True]
    assert infos["_start"].tolist() == mask.tolist() and infos["start"][1].startswith("frame 3 of episode 1")
    assert vector.observation_space.contains(observations)
    again = make_worlds(NUMBER, checkpoint=alone)
    again.reset(seed=9, options={"episode": 1, "frame": 3})
    assert again.worlds[1].seed == vector.worlds[1].seed, "world 1 of reset(seed=9) is seeded with 10 either way"


def test_each_world_has_its_own_options(alone, make_worlds):
    vector = make_worlds(2, checkpoint=alone)
    _, infos = vector.reset(options={"episode": 0, "worlds": [{"frame": 1}, {"frame": 2, "instruction": "wave"}]})
    assert [text.split(" of episode")[0] for text in infos["start"]] == ["frame 1", "frame 2"]
    assert infos["instruction"].tolist() == ["lift the cube", "wave"]


def test_same_step_autoreset_hands_over_the_final_observation(alone, make_worlds):
    options = {"checkpoint": alone, "time_limit_s": 0.5}
    vector = make_worlds(2, autoreset_mode="SameStep", **options)
    plain = make_worlds(2, autoreset_mode="Disabled", **options)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    for one in (vector, plain):
        one.reset(seed=2)
        one.action_space.seed(3)
    for _ in range(2):
        actions = plain.action_space.sample()
        ended = plain.step(actions)
        _observations, _rewards, _terminated, truncated, infos = vector.step(actions)
    assert truncated.all() and ended[3].all() and infos["time_s"].tolist() == [0.0, 0.0]
    for index, expected in enumerate(iterate(plain.observation_space, ended[0])):
        assert data_equivalence(infos["final_obs"][index], expected, exact=True)
        assert infos["final_info"]["time_s"][index] == pytest.approx(8 / 15)
    assert [world.chunks for world in vector.worlds] == [0, 0]
    with pytest.raises(UsageError, match="The worlds 0, 1 have ended"):
        plain.step(actions)
    plain.reset(options={"reset_mask": np.array([True, True])})
    plain.step(actions)


def test_worlds_end_at_their_own_times(alone, make_worlds):
    """Each ends by a function of the user's; an ended world is reset by the next step while the others move."""
    from sim_eval.rewards import Verdict

    def wanders(transition):
        return Verdict(1.0, terminated=transition.steps >= 4 * int(transition.instruction))

    vector = make_worlds(2, checkpoint=alone, rewards=[wanders])
    vector.reset(options={"worlds": [{"instruction": "1"}, {"instruction": "2"}]})
    vector.action_space.seed(0)
    first = vector.step(vector.action_space.sample())
    assert first[2].tolist() == [True, False] and first[1].tolist() == [1.0, 1.0]
    alone.batches.clear()
    second = vector.step(vector.action_space.sample())
    assert second[2].tolist() == [False, True] and second[1].tolist() == [0.0, 1.0] and alone.batches == [1]
    assert vector.worlds[0].chunks == 0 and vector.worlds[1].chunks == 2


def test_wrong_use_is_told(alone, make_worlds):
    vector = make_worlds(2, checkpoint=alone)
    with pytest.raises(UsageError, match="call reset first"):
        vector.step(vector.action_space.sample())
    with pytest.raises(UsageError, match="The first reset needs every world"):
        vector.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(UsageError, match="3 seeds for 2 worlds"):
        vector.reset(seed=[1, 2, 3])
    with pytest.raises(UsageError, match="'reset_mask'\\] must be a bool array of shape \\(2,\\)"):
        vector.reset(options={"reset_mask": np.array([1, 0])})
    with pytest.raises(UsageError, match="'worlds'\\] must be a list of 2"):
        vector.reset(options={"worlds": [{}]})
    with pytest.raises(UsageError, match="autoreset_mode 'Never' does not exist"):
        make_worlds(2, autoreset_mode="Never")
    with pytest.raises(UsageError, match="num_envs is 0"):
        make_worlds(0)
