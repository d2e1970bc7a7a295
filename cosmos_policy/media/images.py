"""Single pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosmos_policy.errors import UsageError


def read_image(path: Path) -> np.ndarray:
    """A picture file as uint8 [H, W, 3], RGB; a :class:`UsageError` where it is missing or no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except FileNotFoundError:
        raise UsageError(f"There is no picture {path}.") from None
    except (UnidentifiedImageError, OSError) as error:
        raise UsageError(f"{path} cannot be read as a picture ({error}); expected PNG, JPEG or WebP.") from error
