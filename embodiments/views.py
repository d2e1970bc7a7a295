"""How camera views are laid out in the one frame that the model sees, and how that frame is cut up again.

Geometry of training (cosmos-framework's data sets at 5eee9ed): smaller views are resized bilinearly, half-pixel
centres, without antialiasing, on float32 values in 0..1, and the result is truncated to uint8.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from embodiments.errors import EmbodimentError

Box = tuple[slice, slice]


class ViewLayout(ABC):
    """Names of views and their places in the composed frame."""

    @property
    @abstractmethod
    def views(self) -> tuple[str, ...]:
        """View names, in the order in which they are laid out."""

    @abstractmethod
    def describe(self) -> str:
        """A few words, such as "wrist over (exterior_1 | exterior_2)"."""

    @abstractmethod
    def frame_size(self, sizes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
        """(height, width) of the composed frame, in pixels, from the views' own (height, width)."""

    @abstractmethod
    def boxes(self, height: int, width: int) -> dict[str, Box]:
        """The rows and columns of every view in a composed frame of that size."""

    def compose(self, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """The composed frame, uint8 [H, W, 3], from one uint8 [h, w, 3] image a view."""
        require_views(images, self.views)
        if len(self.views) == 1:
            return np.array(images[self.views[0]])
        height, width = self.frame_size({view: images[view].shape[:2] for view in self.views})
        frame = np.zeros((height, width, 3), dtype=np.uint8)
        for view, box in self.boxes(height, width).items():
            target = frame[box]
            target[...] = resize_bilinear(images[view], target.shape[0], target.shape[1])
        return frame

    def split(self, frame: np.ndarray) -> dict[str, np.ndarray]:
        """Cut a composed frame, uint8 [H, W, 3] of any size, into its views (copies)."""
        require_image(frame, "the composed frame")
        return {view: np.array(frame[box]) for view, box in self.boxes(*frame.shape[:2]).items()}


@dataclass(frozen=True)
class SingleView(ViewLayout):
    """One camera, as it is."""

    view: str

    @property
    def views(self) -> tuple[str, ...]:
        return (self.view,)

    def describe(self) -> str:
        return self.view

    def frame_size(self, sizes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
        return sizes[self.view]

    def boxes(self, height: int, width: int) -> dict[str, Box]:
        return {self.view: (slice(0, height), slice(0, width))}


@dataclass(frozen=True)
class OneOverTwo(ViewLayout):
    """One view at full size on top; below it two others side by side, each at half its height and half its width."""

    top: str
    bottom_left: str
    bottom_right: str

    @property
    def views(self) -> tuple[str, ...]:
        return (self.top, self.bottom_left, self.bottom_right)

    def describe(self) -> str:
        return f"{self.top} over ({self.bottom_left} | {self.bottom_right})"

    def frame_size(self, sizes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
        height, width = sizes[self.top]
        if height < 2 or width < 2 or width % 2:
            raise EmbodimentError(
                f"view {self.top!r} is {width}x{height} pixels (width x height), but two half-width views stand "
                "under it: expected an even width and at least 2x2 pixels"
            )
        return height + height // 2, width

    def boxes(self, height: int, width: int) -> dict[str, Box]:
        # Of 3k or 3k+1 composed rows, the top view has 2k or 2k+1: h + h // 2 for either parity of h.
        top = height - height // 3
        half = width // 2
        return {
            self.top: (slice(0, top), slice(0, width)),
            self.bottom_left: (slice(top, height), slice(0, half)),
            self.bottom_right: (slice(top, height), slice(half, 2 * half)),
        }


@dataclass(frozen=True)
class SideBySide(ViewLayout):
    """Two square views next to each other, `size` pixels a side each."""

    left: str
    right: str
    size: int

    @property
    def views(self) -> tuple[str, ...]:
        return (self.left, self.right)

    def describe(self) -> str:
        return f"{self.left} | {self.right}, {self.size} pixels square each"

    def frame_size(self, sizes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
        return self.size, 2 * self.size

    def boxes(self, height: int, width: int) -> dict[str, Box]:
        half = width // 2
        return {
            self.left: (slice(0, height), slice(0, half)),
            self.right: (slice(0, height), slice(half, 2 * half)),
        }


def resize_bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [height, width, 3]: bilinear with half-pixel centres, no antialiasing, float32 in 0..1, truncated."""
    if image.shape[:2] == (height, width):
        return image
    rows_low, rows_high, lower = _neighbours(image.shape[0], height)
    columns_low, columns_high, right = _neighbours(image.shape[1], width)
    channels = image.shape[2]
    flat = np.ascontiguousarray(image).reshape(image.shape[0], -1)
    numbers = np.arange(flat.shape[1]).reshape(-1, channels)
    lower, right = lower[:, None], np.repeat(right, channels)
    sides = ((numbers[columns_low].ravel(), np.float32(1.0) - right), (numbers[columns_high].ravel(), right))
    mixed = np.zeros((height, width * channels), dtype=np.float32)
    # Divided by 255 before the interpolation, and summed in this order, as training does: for a half-size view (all
    # three cameras alike) every level comes out the same, else a few in a thousand are one level off.
    for rows, vertical in ((rows_low, np.float32(1.0) - lower), (rows_high, lower)):
        strip = flat[rows]
        for columns, horizontal in sides:
            corner = np.take(strip, columns, axis=1, mode="clip")
            corner = np.divide(corner, np.float32(255.0), dtype=np.float32)
            corner *= vertical * horizontal
            mixed += corner
    mixed *= np.float32(255.0)
    return mixed.astype(np.uint8).reshape(height, width, channels)


def _neighbours(source: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower and upper source index and the upper one's weight (float32), for every target pixel."""
    position = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * np.float32(source / target) - np.float32(0.5)
    position = np.maximum(position, np.float32(0.0))
    low = np.minimum(position.astype(np.int64), source - 1)
    return low, np.minimum(low + 1, source - 1), position - low.astype(np.float32)


def require_views(images: Mapping[str, np.ndarray], views: tuple[str, ...]) -> None:
    """Raise one sentence that names the view unless `images` holds exactly `views`, each uint8 [h, w, 3]."""
    if not isinstance(images, Mapping):
        raise EmbodimentError(f"images must map view names to pictures, but got a {type(images).__name__}")
    expected = ", ".join(views)
    for view in views:
        if view not in images:
            there = ", ".join(map(str, images)) or "none"
            raise EmbodimentError(f"view {view!r} is missing; expected the views {expected}, got {there}")
    for view in images:
        if view not in views:
            raise EmbodimentError(f"view {view!r} is not one of this robot's; expected exactly {expected}")
    for view in views:
        require_image(images[view], f"view {view!r}")


def require_image(image: np.ndarray, what: str) -> None:
    """Raise `EmbodimentError` unless `image` is a non-empty uint8 [h, w, 3] array."""
    if not isinstance(image, np.ndarray):
        raise EmbodimentError(f"{what} must be a uint8 array [height, width, 3], but it is a {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise EmbodimentError(
            f"{what} must have shape [height, width, 3] (channels last), but its shape is {list(image.shape)}"
        )
    if image.dtype != np.uint8:
        raise EmbodimentError(
            f"{what} must hold uint8 colours 0..255, but its dtype is {image.dtype}; convert it before (0..1 floats: "
            "multiply by 255)"
        )
