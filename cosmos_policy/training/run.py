"""A run from settings to checkpoint: everything that can be refused is refused before the first step."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from pydantic import TypeAdapter

from cosmos_policy.errors import UsageError
from cosmos_policy.training.autoencoder_run import autoencoder_run
from cosmos_policy.training.material import Progress, material_of, prepare_all, write_prepared_settings
from cosmos_policy.training.settings import TrainSettings
from cosmos_policy.training.trainer import LOG_FILE, Trainer, make_accelerator
from cosmos_policy.training.transformer_run import transformer_run

CHECKPOINT, SETTINGS_FILE = "checkpoint", "settings.json"
RUNS = {"transformer": transformer_run, "autoencoder": autoencoder_run}
#: Settings that a resumed run may have otherwise: they change what is told and kept, not what is computed.
FREE_ON_RESUME = {"log_every", "save_every", "saved"}
logger = logging.getLogger(__name__)


def train(
    settings: TrainSettings,
    output: Path,
    *,
    resume: bool = False,
    prepare_only: bool = False,
    shared: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Run `settings` and return the folder of the new checkpoint, ``output / "checkpoint"``; with `prepare_only` the
    file of the same settings on the prepared datasets, ``output / "prepared.yaml"``.

    output: also holds what a run needs to be resumed, and its log (``training.jsonl`` and TensorBoard's). shared: where
    prepared datasets are kept, and found by other runs; ``output / "prepared"`` if left out. Raises
    :class:`UsageError` for what does not fit, before the first step.
    """
    tell = progress or (lambda *_: None)
    accelerator = make_accelerator(output)
    if accelerator.is_main_process:
        _claim(settings, output, resume, prepare_only)
    else:  # one device tells what all of them do
        logging.getLogger("cosmos_policy").setLevel(logging.WARNING)
    with accelerator.main_process_first():
        prepared = prepare_all(settings, shared or output / "prepared", tell)
        if prepare_only:
            return write_prepared_settings(settings, prepared, output)
        material = material_of(settings, prepared, output)
        task, finish = RUNS[settings.part](settings, material, output, accelerator.device, tell)
    trainer = Trainer(task, settings, accelerator, output, resume)
    outcome = trainer.run(lambda step, done: tell("training", settings.steps * done, settings.steps))
    if accelerator.is_main_process:
        with trainer.averaged():
            finish(output / CHECKPOINT, outcome)
        logger.info("wrote %s", output / CHECKPOINT)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return output / CHECKPOINT


def _claim(settings: TrainSettings, output: Path, resume: bool, prepare_only: bool) -> None:
    """Take the output folder for this run; a resumed one must be the run that it was."""
    output.mkdir(parents=True, exist_ok=True)
    if prepare_only:
        return
    path, begun = output / SETTINGS_FILE, (output / LOG_FILE).exists()
    mine = json.loads(TypeAdapter(TrainSettings).dump_json(settings))
    if begun and not resume:
        raise UsageError(f"{output} already holds a run; say --resume to go on with it, or name another --output.")
    if begun and path.is_file():
        theirs = json.loads(path.read_text(encoding="utf-8"))
        changed = [name for name in mine if mine[name] != theirs.get(name) and name not in FREE_ON_RESUME]
        if changed:
            raise UsageError(
                f"The run in {output} was begun with other settings ({', '.join(changed)}); resume with its own, or "
                "name another --output."
            )
    path.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")
