"""Options that several subcommands share, and how what they name is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk, Sampling

Checkpoint = Annotated[str, typer.Option(help='"tiny", a checkpoint folder, or a hub id.')]
Like = Annotated[str | None, typer.Option(help="Known checkpoint whose habits a folder of your own was trained with.")]
Embodiment = Annotated[str, typer.Option(help="Name of the robot (cosmos-policy embodiments), or a YAML file.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same answer.")]
Device = Annotated[str | None, typer.Option(help='"cpu", "cuda", "cuda:1"; default: a GPU where there is one.')]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16 or float16; default: by device.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a hub id.")]
Engine = Annotated[str, typer.Option(help="native (fast, batched), or diffusers (its pipeline: the reference).")]
Fp8 = Annotated[bool, typer.Option("--fp8", help="8-bit linear layers: faster, smaller, slightly less exact.")]
Offload = Annotated[str | None, typer.Option(help="text or layers: weights wait in host memory, for small cards.")]
TensorParallel = Annotated[int, typer.Option(min=1, help="GPUs that share every layer's weights.")]
ContextParallel = Annotated[int, typer.Option(min=1, help="GPUs that share the tokens; all hold all weights.")]
GuidanceParallel = Annotated[int, typer.Option(min=1, help="GPUs that share guidance's branches, and batches.")]
Guardrails = Annotated[
    bool | None,
    typer.Option(
        "--guardrails/--no-guardrails",
        help="Check words and pixelate faces; default: where cosmos-guardrail is installed.",
        show_default=False,
    ),
]
Tier = Annotated[int | None, typer.Option(help="Canvas tier: 256, 480, 704, 720, 768; default: the checkpoint's.")]
Steps = Annotated[int | None, typer.Option(help="Denoising steps; default: the checkpoint's.")]
Guidance = Annotated[float | None, typer.Option(help="Classifier-free guidance, 1 is off; default: the checkpoint's.")]
FlowShift = Annotated[float | None, typer.Option(help="Shift of the noise schedule; default: the checkpoint's.")]
GuidanceInterval = Annotated[
    str | None, typer.Option(help='Guide only at timesteps "low,high", between 0 and 1001; default: at all.')
]
GuidanceSteps = Annotated[int | None, typer.Option(help="Guide only the first so many steps; default: all.")]

CLUSTER = "Cluster"
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="[ADDRESS]",
        help="Spread over a Ray cluster: its head's host:port; auto or nothing: the one that runs here, or else a new "
        "one of this machine; local: a new one.",
        rich_help_panel=CLUSTER,
    ),
]
RayWorkers = Annotated[
    int | None, typer.Option("--workers", help="Default: one for each GPU there.", rich_help_panel=CLUSTER)
]
GpusPerWorker = Annotated[
    float | None, typer.Option(help="As Ray counts them; default: 1 where there are GPUs.", rich_help_panel=CLUSTER)
]
CpusPerWorker = Annotated[float, typer.Option(help="As Ray counts them.", rich_help_panel=CLUSTER)]


def spread(ray: str | None, workers: int | None, gpus: float | None, cpus: float) -> Any:
    """How these options spread work; None: not at all."""
    from cosmos_policy.cluster.spreading import Spread

    if ray is None:
        if workers is not None or gpus is not None:
            raise UsageError("--workers and --gpus-per-worker need --ray.")
        return None
    return Spread(ray, workers, gpus, cpus)


def sampling(
    tier: int | None,
    steps: int | None,
    guidance: float | None,
    shift: float | None = None,
    interval: str | None = None,
    guidance_steps: int | None = None,
) -> Sampling:
    """The sampling that these options ask for."""
    return Sampling(steps, guidance, shift, tier, None if interval is None else _interval(interval), guidance_steps)


def _interval(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f'--guidance-interval is {text!r}; expected two timesteps such as "400,1000".') from None
    if not 0 <= low <= high <= 1001:
        raise UsageError(f"--guidance-interval is {text!r}; expected low to high, between 0 and 1001.")
    return low, high


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """ "1,4" -> (1, 4); a :class:`UsageError` for anything but numbers from 1 on."""
    numbers = tuple(int(part) if part.strip().isdecimal() else 0 for part in text.split(","))
    if min(numbers) < 1:
        raise UsageError(f"{option} is {text!r}; expected whole numbers from 1 on, such as 1,4.")
    return numbers


def read_json(path: Path) -> Any:
    """A JSON file; a :class:`UsageError` where it is missing or malformed."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}.") from error


def read_state(path: Path | None) -> dict[str, np.ndarray]:
    """A robot's state from a JSON object: state name -> number or list of numbers."""
    if path is None:
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no JSON object; expected state names with numbers or lists of numbers.")
    try:
        return {name: np.asarray(values, dtype=np.float64) for name, values in content.items()}
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: a state is no number or list of numbers ({error}).") from error


def pairs(values: list[str], option: str) -> dict[str, str]:
    """["a=b", ...] -> {"a": "b"}; a :class:`UsageError` where an equals sign is missing or a name comes twice."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, target = value.partition("=")
        if not (name and equals and target):
            raise UsageError(f"{option} {value!r} is not of the form name=value.")
        if name in found:
            raise UsageError(f"{option} names {name} twice.")
        found[name] = target
    return found


def chunk_as_json(chunk: ActionChunk, action_names: tuple[str, ...]) -> str:
    """A chunk as JSON: commands, unified actions, timing and what produced it."""
    content = {
        "commands": {name: values.tolist() for name, values in chunk.commands.items()},
        "action_names": list(action_names),
        "unified": chunk.unified.tolist(),
        "model": chunk.model.astype(float).tolist(),
        "dt_s": chunk.dt,
        "stamp_s": chunk.stamp,
        "valid_until_s": chunk.valid_until,
        "timing_ms": dict(chunk.timing),
        "info": {**chunk.info, "sampling": vars(chunk.info["sampling"])},
    }
    return json.dumps(content, indent=2)


def deliver(text: str, output: Path | None) -> None:
    """Print `text`, or write it to `output`."""
    if output is None:
        print(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n")
