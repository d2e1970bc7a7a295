"""What ``cosmos-policy record`` is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosmos_policy.errors import UsageError
from sim_eval.physics.randomization import PLAIN, Randomization

FORMAT = 1


@dataclass(frozen=True)
class RecordingSettings:
    """One dataset of demonstrations.

    task, robot: names in ``sim_eval.physics``. output: folder of the dataset. episodes: successful ones wanted.
    seed: scene of the first attempt; each further attempt adds 1. image_size: width and height of each view, pixels.
    supersampling: pictures are rendered so many times larger and averaged down. quality: x264's constant rate factor,
    0 (lossless) to 51. randomization: what a scene's seed decides, and how widely.
    """

    task: str
    robot: str
    output: Path
    episodes: int
    seed: int = 0
    image_size: tuple[int, int] = (256, 256)
    supersampling: int = 1
    quality: int = 23
    randomization: Randomization = Randomization()  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        width, height = self.image_size
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise UsageError(
                f"pictures of {width}x{height} cannot be encoded: H.264 needs an even width and height of at least 2."
            )
        for name, lowest in (("episodes", 1), ("seed", 0), ("supersampling", 1)):
            if getattr(self, name) < lowest:
                raise UsageError(f"--{name} is {getattr(self, name)}; expected at least {lowest}.")
        if not 0 <= self.quality <= 51:
            raise UsageError(f"--quality is {self.quality}; expected x264's constant rate factor, 0 to 51.")

    @property
    def parts(self) -> Path:
        """Folder beside the output that holds the attempts until the dataset is whole."""
        return self.output.with_name(self.output.name + ".parts")

    def identity(self) -> dict[str, Any]:
        """What must be equal for two runs to make one dataset, as JSON values."""
        facts = {name: value for name, value in asdict(self).items() if name not in ("output", "episodes")}
        return {"format": FORMAT, **facts, "image_size": list(self.image_size)}


def parse_image_size(text: str) -> tuple[int, int]:
    """``"128x96"`` as (width, height); a :class:`UsageError` for anything else."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.strip().isdecimal() and height.strip().isdecimal()):
        raise UsageError(f"--image-size {text!r} is not of the form WIDTHxHEIGHT in pixels, such as 128x128.")
    return int(width), int(height)


def parse_randomization(pairs: Sequence[str], plain: bool) -> Randomization:
    """The defaults (or, with `plain`, the same look for every scene) with ``name=value`` pairs put over them."""
    base: Mapping[str, float] = asdict(PLAIN if plain else Randomization())
    chosen = dict(base)
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or name not in base:
            raise UsageError(f"--randomize {pair!r} is not of the form name=value, the name one of {', '.join(base)}.")
        try:
            chosen[name] = float(value)
        except ValueError:
            raise UsageError(f"--randomize {pair!r}: {value!r} is no number.") from None
    return Randomization(**chosen)
