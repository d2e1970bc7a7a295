import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_policy.errors import UsageError
from sim_eval.replay.calls import CALLS, choose_calls
from sim_eval.replay.plan import plan_windows, window_seed
from sim_eval.replay.settings import ReplaySettings, fingerprint, parse_camera_map


@given(st.integers(17, 200), st.integers(1, 60), st.integers(1, 16))
def test_every_window_is_whole_and_none_is_forgotten(frames, stride, horizon):
    windows = plan_windows({"policy": stride}, {0: frames}, horizon, seed=0)
    starts = [window.start for window in windows]
    assert starts == [start for start in range(0, frames, stride) if start + horizon <= frames - 1]
    assert starts[0] == 0


@given(st.integers(0, 2**40), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_windows_seed_is_its_own_and_fits_every_generator(seed, episode, start):
    assert 0 <= window_seed(seed, episode, start) < 2**31
    assert window_seed(seed, episode, start) == window_seed(seed, episode, start)


def test_seeds_differ_between_windows_episodes_and_runs():
    seeds = {window_seed(*key) for key in [(0, 0, 0), (0, 0, 16), (0, 1, 0), (1, 0, 0)]}
    assert len(seeds) == 4


def test_a_windows_seed_does_not_depend_on_what_else_is_asked():
    few = plan_windows({"policy": 32}, {1: 50}, 16, seed=3)
    many = plan_windows({"policy": 16, "forward-dynamics": 16}, {0: 50, 1: 50}, 16, seed=3)
    assert set(few) <= set(many)


def test_too_short_an_episode():
    with pytest.raises(
        UsageError, match="Episode 2 has 16 frames, too few for one chunk of 16 actions, which spans 17"
    ):
        plan_windows({"policy": 16}, {0: 17, 2: 16}, 16, seed=0)


def test_calls_by_name():
    assert choose_calls("forward-dynamics, policy") == ("policy", "forward-dynamics")
    assert choose_calls(",".join(CALLS)) == tuple(CALLS)
    with pytest.raises(UsageError, match="'dream', which does not exist; choose from policy, inverse-dynamics"):
        choose_calls("policy,dream")
    with pytest.raises(UsageError, match="is empty"):
        choose_calls("")


def test_camera_maps():
    assert parse_camera_map(["wrist=a.b", "exterior_1 = c"]) == {"wrist": "a.b", "exterior_1": "c"}
    for wrong in (["wrist"], ["=a"], ["wrist="]):
        with pytest.raises(UsageError, match="view=feature"):
            parse_camera_map(wrong)
    with pytest.raises(UsageError, match="twice"):
        parse_camera_map(["wrist=a", "wrist=b"])


def test_settings_that_cannot_be(tmp_path):
    for wrong, reason in ({"stride": 0}, "--stride is 0"), ({"seed": -1}, "--seed is -1"):
        with pytest.raises(UsageError, match=reason):
            ReplaySettings(dataset="d", embodiment="droid", output=tmp_path, **wrong)


def test_fingerprints_ignore_the_order_of_keys_and_nothing_else():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1}) != fingerprint({"a": 1, "b": [3]})
