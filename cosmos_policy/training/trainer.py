"""The wheel: steps, moving average, log, evaluation, states to resume from. It knows no robot and no network."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.training.batch_ahead import BatchAhead
from cosmos_policy.training.optimizing import optimizer_for, set_rate
from cosmos_policy.training.passes import Passes, RecordedPasses
from cosmos_policy.training.settings import TrainSettings
from cosmos_policy.training.task import Task

STATE_FILE = "state.pt"
LOG_FILE = "training.jsonl"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """step: optimiser steps done. evaluation: the last figures. seconds: of training, in this process."""

    step: int
    evaluation: Mapping[str, float]
    seconds: float


def make_accelerator(output: Path) -> Accelerator:
    """accelerate's view of the devices: one, or those that ``accelerate launch`` gives."""
    # Precision is ours: accelerate keeps one for the whole process, and a second run may want another.
    accelerator = Accelerator(mixed_precision="no", log_with="tensorboard", project_dir=output)
    if str(accelerator.distributed_type).endswith(("FSDP", "DEEPSPEED", "MEGATRON_LM")):
        raise UsageError(
            "This trainer holds the whole model on every device (accelerate's MULTI_GPU); for a model too large for "
            "that use adaptation: {kind: lora} with weights: bf16 and gradient_checkpointing."
        )
    return accelerator


class Trainer:
    """Trains a task. resume: go on from ``state.pt`` in the output folder, which must be there."""

    def __init__(
        self, task: Task, settings: TrainSettings, accelerator: Accelerator, output: Path, resume: bool = False
    ):
        self._task, self._settings, self._accelerator, self._output = task, settings, accelerator, output
        self._optimizer = optimizer_for(task, settings.optimizer, accelerator.device)
        self._trained = [each for each in task.module.parameters() if each.requires_grad]
        decay = settings.average.decay
        self._average = EMAModel(self._trained, decay=decay, foreach=True) if decay else None
        self._module, self._stepper = accelerator.prepare(task.module, self._optimizer)
        if self._average is not None:
            self._average.to(accelerator.device)
        self._passes = self._make_passes()
        self._step = 0
        self._ahead = BatchAhead(
            task.batch, settings.seed, accelerator.process_index, settings.accumulate, accelerator.device
        )
        if resume:
            self._read_state()
        elif accelerator.is_main_process:
            (output / LOG_FILE).write_text("")

    def run(self, progress: Callable[[int, float], None] | None = None) -> Outcome:
        """Train to the end. progress: told (step, share of the run that is done) after every step."""
        settings, accelerator = self._settings, self._accelerator
        accelerator.init_trackers("tensorboard")
        started, sums, evaluation = time.monotonic(), {}, {}
        first_step = self._step
        self._module.train()
        while (done := self._done(started)) < 1.0:
            losses = self._one_step(done)
            if self._step == first_step:  # compiling, and choosing kernels, is no training: the clock starts now
                self._settle()
                started = time.monotonic()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            self._step += 1
            if self._due(settings.log_every):
                self._log(sums, settings.log_every, done, started)
                sums = {}
            ended = self._done(started) >= 1.0
            if self._due(settings.evaluation.every) and not ended:
                evaluation = self._evaluate()
            if self._due(settings.save_every) and not ended:
                self._write_state()
            if progress is not None:
                progress(self._step, self._done(started))
        evaluation = self._evaluate()
        self._write_state()
        return Outcome(self._step, evaluation, time.monotonic() - started)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it, the module has the moving average of its weights."""
        if self._average is None:
            yield
            return
        self._average.store(self._trained)
        self._average.copy_to(self._trained)
        try:
            yield
        finally:
            self._average.restore(self._trained)

    def _one_step(self, done: float) -> dict[str, torch.Tensor]:
        """One optimiser step; losses by name, still on the device."""
        settings, accelerator = self._settings, self._accelerator
        set_rate(self._optimizer, settings.optimizer, self._step, done)
        sums: dict[str, torch.Tensor] = {}
        for part in range(settings.accumulate):
            batch = self._ahead.batch(self._step, part)
            last = part == settings.accumulate - 1
            with _unsynchronised(accelerator, self._module, not last):
                losses = self._passes.run(batch)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.float() / settings.accumulate
        norm = accelerator.clip_grad_norm_(self._trained, settings.optimizer.clip_norm)
        self._stepper.step()
        self._passes.clear()
        if self._average is not None:
            self._average.step(self._trained)
        return sums | {"gradient_norm": torch.as_tensor(norm).detach().float()}

    def _make_passes(self) -> Passes:
        recorded = self._settings.cuda_graph and self._accelerator.device.type == "cuda"
        if recorded and self._accelerator.num_processes > 1:
            raise UsageError("cuda_graph records the passes of one GPU; leave it out with several, or train on one.")
        return (RecordedPasses if recorded else Passes)(
            self._module, self._accelerator.backward, self._trained, 1.0 / self._settings.accumulate, self._precision
        )

    def _settle(self) -> None:
        """Wait for the device, and for the others."""
        if self._accelerator.device.type == "cuda":
            torch.cuda.synchronize()
        self._accelerator.wait_for_everyone()

    def _precision(self) -> torch.autocast:
        """The precision of matrix products."""
        return torch.autocast(self._accelerator.device.type, torch.bfloat16, enabled=self._settings.precision == "bf16")

    def _done(self, started: float) -> float:
        share = self._step / self._settings.steps
        if self._settings.time_limit_s is not None:
            share = max(share, (time.monotonic() - started) / self._settings.time_limit_s)
        if self._accelerator.num_processes > 1 and self._settings.time_limit_s is not None:
            shares = self._accelerator.gather(torch.tensor([share], device=self._accelerator.device))
            share = float(shares.max())
        return min(share, 1.0)

    def _due(self, every: int) -> bool:
        return bool(every) and self._step % every == 0

    def _log(self, sums: Mapping[str, torch.Tensor], count: int, done: float, started: float) -> None:
        values = {f"loss/{name}": value / count for name, value in sums.items()}
        values = {name: float(self._accelerator.reduce(value, "mean")) for name, value in values.items()}
        values["learning_rate"] = self._optimizer.param_groups[0]["lr"]
        if not values["loss/total"] < float("inf"):
            raise Failure(
                f"The loss is {values['loss/total']} at step {self._step}: training has diverged. Lower "
                "optimizer.learning_rate, or resume from the last state with it."
            )
        self._record(values)
        shown = ", ".join(f"{name.removeprefix('loss/')} {value:.4g}" for name, value in values.items())
        logger.info("step %d (%.0f %%, %.1f s): %s", self._step, 100 * done, time.monotonic() - started, shown)

    def _evaluate(self) -> Mapping[str, float]:
        self._module.eval()
        # Its batches have other shapes: compiling for them would take longer than they do.
        with self.averaged(), torch.no_grad(), self._precision(), torch.compiler.set_stance("force_eager"):
            found = dict(self._task.evaluate()) if self._accelerator.is_main_process else {}
        self._module.train()
        self._accelerator.wait_for_everyone()
        if found:
            self._record({f"held_out/{name}": value for name, value in found.items()})
            shown = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
            logger.info("step %d, held-out: %s", self._step, shown)
        return found

    def _record(self, values: Mapping[str, float]) -> None:
        """Into TensorBoard, and as one line of JSON."""
        self._accelerator.log(dict(values), step=self._step)
        if self._accelerator.is_main_process:
            with (self._output / LOG_FILE).open("a", encoding="utf-8") as log:
                log.write(json.dumps({"step": self._step, **values}) + "\n")

    def _write_state(self) -> None:
        if not self._accelerator.is_main_process:
            return
        state = {
            "step": self._step,
            "trained": [each.detach().cpu() for each in self._trained],
            "optimizer": self._optimizer.state_dict(),
            "average": self._average.state_dict() if self._average is not None else None,
        }
        unfinished = self._output / f"{STATE_FILE}.part"
        torch.save(state, unfinished)
        unfinished.replace(self._output / STATE_FILE)

    def _read_state(self) -> None:
        path = self._output / STATE_FILE
        try:
            state = torch.load(path, map_location=self._accelerator.device, weights_only=True)
        except FileNotFoundError:
            raise UsageError(f"There is no state to resume from in {self._output}; leave --resume out.") from None
        shapes = [tuple(each.shape) for each in state["trained"]]
        if shapes != [tuple(each.shape) for each in self._trained]:
            raise UsageError(
                f"{path} was written by a run that trained other weights; resume with the settings of that run."
            )
        with torch.no_grad():
            for mine, saved in zip(self._trained, state["trained"], strict=True):
                mine.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average is not None and state["average"] is not None:
            self._average.load_state_dict(state["average"])
            self._average.to(self._accelerator.device)
        self._step = int(state["step"])
        self._forget_after(self._step)

    def _forget_after(self, step: int) -> None:
        """Drop the log's lines that a stopped run wrote after its last state; they are about to be written again."""
        path = self._output / LOG_FILE
        if self._accelerator.is_main_process and path.is_file():
            kept = [line for line in path.read_text().splitlines() if json.loads(line)["step"] <= step]
            path.write_text("".join(f"{line}\n" for line in kept))


@contextmanager
def _unsynchronised(accelerator: Accelerator, module: torch.nn.Module, wanted: bool) -> Iterator[None]:
    """Leave gradients on their device until the last pass of a step."""
    if wanted:
        with accelerator.no_sync(module):
            yield
    else:
        yield
