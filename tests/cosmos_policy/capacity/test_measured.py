"""Service times: read from bench's file, drawn as they were measured, refused where they were not."""

import subprocess
import sys
from random import Random

import numpy as np
import pytest
from capacity_lines import line

from cosmos_policy.capacity import MeasuredService, read_measured
from cosmos_policy.capacity.measured import lognormal_points
from cosmos_policy.errors import UsageError


def test_the_file_of_a_real_bench_is_read(tmp_path):
    """``cosmos-policy bench`` itself, in a process of its own."""
    code = "import torch; torch.set_num_threads(1); from cosmos_policy.cli.main import run; run()"
    options = ["bench", "--embodiment", "droid_joint", "--chunk-size", "4", "--steps", "1", "--batch", "1,2"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options, "--repeat", "3", "--json"], capture_output=True, text=True, check=True
    )
    path = tmp_path / "bench.json"
    path.write_text(done.stdout)
    service = read_measured(path)
    assert set(service.batches) == {1, 2} and all(len(calls) == 3 for calls in service.batches.values())
    assert service.batches[1] == tuple(sorted(service.batches[1]))
    assert 0 < service.median_s(1) < service.median_s(2) < 60


def test_calls_that_were_kept_are_drawn_from(bench_file):
    calls = [100.0, 300.0, 200.0]
    service = read_measured(bench_file(line(1, 200.0, total_ms=calls), line(3, 400.0, total_ms=[400.0, 600.0, 800.0])))
    assert service.batches[1] == (0.1, 0.2, 0.3)
    assert service.quantile_s(1, 0.5) == pytest.approx(0.2)
    assert service.quantile_s(2, 0.5) == pytest.approx(0.4)  # half way between two sizes
    random = Random(0)
    drawn = [service.draw_s(1, random) for _ in range(2000)]
    assert min(drawn) >= 0.1 and max(drawn) <= 0.3 and np.mean(drawn) == pytest.approx(0.2, abs=0.01)


def test_p50_and_p99_alone_become_a_log_normal(bench_file):
    service = read_measured(bench_file(line(1, 100.0, 200.0)))
    assert service.quantile_s(1, 0.5) == pytest.approx(0.1, rel=0.01)
    assert service.quantile_s(1, 0.99) == pytest.approx(0.2, rel=0.03)
    assert set(lognormal_points(0.1, 0.1)) == {0.1}


@pytest.mark.parametrize(("lines", "sentence"), [
    ([], "and not policy"),
    ([line(1, 1.0, case="generate")], "measures generate of the native engine, and not policy"),
    ([line(1, 1.0, engine="diffusers 0.42")], "of the native engine, and not policy"),
    ([line(2, 1.0)], "No batch of 1 was measured"),
    ([line(1, -1.0, total_ms=[-1.0])], "expected seconds above 0"),
    ([{"case": "policy"}], "is it bench's"),
])  # fmt: skip
def test_what_is_no_measurement_is_refused(bench_file, lines, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_measured(bench_file(*lines))


def test_nothing_is_made_up_beyond_the_largest_batch():
    with pytest.raises(UsageError, match="batch of 3 was not measured"):
        MeasuredService({1: (0.1,), 2: (0.15,)}, "x").median_s(3)
