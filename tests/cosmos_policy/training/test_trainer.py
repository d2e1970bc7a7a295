"""The wheel on a task that can be worked out by hand."""

import json

import pytest
import torch
from torch import nn

from cosmos_policy.training.optimizing import optimizer_for, set_rate
from cosmos_policy.training.settings import OptimizerSettings
from cosmos_policy.training.task import Task
from cosmos_policy.training.trainer import Trainer, make_accelerator


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.full((1, 2), 0.5))
        self.offset = nn.Parameter(torch.zeros(1))
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)

    def forward(self, batch):
        points, wanted = batch
        return {"total": (points @ self.matrix.T + self.offset - wanted).square().mean()}


class LineTask(Task):
    """y = 2 a - b + 3; `passes` batches of a step come as one."""

    def __init__(self, passes=1):
        self.module, self._passes = Line(), passes

    def batch(self, seed):
        *rest, part = seed
        parts = [part] if self._passes == 1 else range(self._passes)
        points = torch.cat([torch.randn(8, 2, generator=self._generator(*rest, part)) for part in parts])
        return points, points @ torch.tensor([[2.0], [-1.0]]) + 3.0

    @staticmethod
    def _generator(*seed):
        return torch.Generator().manual_seed(hash(seed) % 2**31)

    def evaluate(self):
        return {"offset": float(self.module.offset.detach())}

    def learning_rate_factor(self, name):
        return 5.0 if name == "offset" else 1.0


def settings(settings_for, **changes):
    optimizer = {"learning_rate": 0.05, "schedule": "cosine", "warmup_steps": 2} | changes.pop("optimizer", {})
    return settings_for(steps=changes.pop("steps", 6), optimizer=optimizer, **changes)


def run(task, chosen, folder, **options):
    folder.mkdir(exist_ok=True)
    trainer = Trainer(task, chosen, make_accelerator(folder), folder, **options)
    return trainer, trainer.run()


def test_passes_that_make_up_a_step_are_one_larger_batch(settings_for, tmp_path):
    parted, whole = LineTask(), LineTask(passes=2)
    run(parted, settings(settings_for, accumulate=2), tmp_path / "parted")
    run(whole, settings(settings_for), tmp_path / "whole")
    torch.testing.assert_close(parted.module.state_dict(), whole.module.state_dict())


def test_the_average_is_evaluated_and_the_weights_come_back(settings_for, tmp_path):
    task = LineTask()
    trainer, outcome = run(task, settings(settings_for, steps=40, average={"decay": 0.9}), tmp_path)
    last = task.module.offset.detach().clone()
    with trainer.averaged():
        assert float(task.module.offset.detach()) == pytest.approx(outcome.evaluation["offset"])
        assert not torch.equal(task.module.offset, last)
    assert torch.equal(task.module.offset, last)
    assert abs(float(last) - 3.0) < 1.0


def test_what_is_frozen_stays_and_groups_have_their_rates(settings_for, tmp_path):
    task = LineTask()
    run(task, settings(settings_for), tmp_path)
    assert torch.equal(task.module.frozen, torch.ones(2, 2))
    optimizer = optimizer_for(task, OptimizerSettings(learning_rate=0.1, weight_decay=0.3), torch.device("cpu"))
    groups = {(round(group["peak"], 9), group["weight_decay"]) for group in optimizer.param_groups}
    assert groups == {(0.1, 0.3), (0.5, 0.0)}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1]),
        ("constant_with_warmup", [0.5, 1, 1, 1]),
        ("linear", [0.5, 1, 0.5, 0.25]),
        ("cosine", [0.5, 1, 0.5, 0.146447]),
    ],
)
def test_learning_rates_over_a_run(schedule, expected):
    chosen = OptimizerSettings(learning_rate=0.1, schedule=schedule, warmup_steps=2)
    optimizer = optimizer_for(LineTask(), chosen, torch.device("cpu"))
    factors = [set_rate(optimizer, chosen, step, done) for step, done in ((0, 0), (1, 0.1), (50, 0.5), (75, 0.75))]
    assert factors == pytest.approx(expected, abs=1e-5)
    assert {group["lr"] / group["peak"] for group in optimizer.param_groups} == {factors[-1]}


def test_a_time_limit_ends_a_run(settings_for, tmp_path):
    _, outcome = run(LineTask(), settings(settings_for, steps=10**6, time_limit_s=0.3), tmp_path)
    assert 0 < outcome.step < 10**6 and outcome.seconds < 30
    rates = [json.loads(line).get("learning_rate") for line in (tmp_path / "training.jsonl").read_text().splitlines()]
    assert rates[-2] < 0.5 * max(rate for rate in rates if rate is not None)
