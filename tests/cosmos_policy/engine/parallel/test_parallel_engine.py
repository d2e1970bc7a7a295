"""Several processes answer as one does: weights, tokens and branches shared, with stops and urgent runs in between."""

from dataclasses import replace

import numpy as np
import pytest
from small_requests import make_request

from cosmos_policy.engine.parallel.sizes import Parallel
from cosmos_policy.errors import Cancelled, DeviceLost, UsageError

TOLERANCE = 1e-5


def requests():
    """Every mode, with and without guidance, half patches, a state row, prompts of several lengths."""
    state_row = {"rows": np.ones((5, 8), np.float32), "clean_rows": np.arange(5) < 1, "row_offset": 0}
    plain = make_request("policy", seed=5)
    return [
        make_request("policy", seed=1, video=True),
        make_request("inverse_dynamics", seed=2, prompt="something else entirely, and longer"),
        make_request("forward_dynamics", seed=3, video=True),
        make_request("policy", seed=4, size=(100, 256), **state_row),
        replace(plain, sampling=replace(plain.sampling, guidance_scale=1.0)),
        make_request("generate", seed=6, video=True, sound_frames=5),
    ]


def assert_same(got, expected):
    scale = max(np.abs(expected.rows).max(initial=0), 1e-6)
    np.testing.assert_allclose(got.rows, expected.rows, rtol=0, atol=TOLERANCE * scale)
    if expected.video is not None:  # rounded to whole levels: 1e-7 can tip one now and then
        apart = np.abs(got.video.astype(int) - expected.video)
        assert apart.max() <= 1 and (apart > 0).mean() < 1e-3
    if expected.sound is not None:
        np.testing.assert_allclose(got.sound, expected.sound, rtol=0, atol=1e-4 * np.abs(expected.sound).max())


@pytest.mark.parametrize("sizes", [Parallel(tensor=2), Parallel(context=2)], ids=Parallel.describe)
def test_several_processes_answer_as_one(alone, shared, sizes):
    asked = requests()
    engine = shared(sizes)
    together = engine.run(asked)
    for got, expected in zip(together, alone.run(asked), strict=True):
        assert_same(got, expected)
    assert_same(engine.run(asked[:1])[0], alone.run(asked[:1])[0])
    assert sizes.describe() in engine.name


def test_shared_branches_are_told_stopped_and_interrupted(alone, shared):
    engine, (long, urgent) = shared(Parallel(guidance=2)), requests()[:2]
    for got, expected in zip(engine.run(requests()), alone.run(requests()), strict=True):
        assert_same(got, expected)
    told, answers = [], []

    def urgent_first(done, steps):
        told.append((done, steps))
        if done == 2:
            answers.extend(engine.run([urgent]))

    assert_same(engine.run([long], urgent_first)[0], alone.run([long])[0])
    assert_same(answers[0], alone.run([urgent])[0])
    assert told == [(1, 3), (2, 3), (3, 3)]

    def stop(done, steps):
        raise Cancelled

    with pytest.raises(Cancelled):
        engine.run([long], stop)
    with pytest.raises(UsageError, match="num_frames is 6"):
        engine.run([replace(long, num_frames=6)])
    assert_same(engine.run([urgent])[0], alone.run([urgent])[0])


def test_a_process_that_dies_is_told(shared):
    engine = shared(Parallel(guidance=2))
    engine.run(requests()[:1])
    (other,) = engine._watch.args[0]
    other.kill()
    other.wait()
    for _ in range(2):
        with pytest.raises(DeviceLost, match=r"process 1 ended with code -9\. Load the model again"):
            engine.run(requests()[:1])


def test_what_fails_in_the_first_process_gives_the_group_up(shared, monkeypatch):
    engine = shared(Parallel(guidance=2))
    monkeypatch.setattr(engine._engine, "_denoise", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.run(requests()[:1])
    with pytest.raises(DeviceLost, match="cannot go on"):
        engine.run(requests()[:1])
