"""Where a camera stands and what it looks at, and its element in a MuJoCo model."""

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Camera:
    """A pinhole camera fixed to a body of the robot.

    The axes are OpenCV's: x right, y down, z forward. All vectors are in the frame of ``body``.
    """

    view: str
    """Name of the picture, as the embodiment calls it."""
    body: str
    """MuJoCo body that carries the camera, without robosuite's prefix."""
    position: tuple[float, float, float]
    """Metres."""
    target: tuple[float, float, float]
    """Point that lies at the picture's centre, metres."""
    up: tuple[float, float, float]
    """Direction that points up in the picture; need not be perpendicular to the line of sight."""
    vertical_field_of_view_deg: float

    def rotation(self) -> np.ndarray:
        """Camera axes (x right, y down, z forward) as the columns of a ``[3, 3]`` matrix in the body's frame."""
        forward = np.subtract(self.target, self.position)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, self.up)
        right = right / np.linalg.norm(right)
        return np.column_stack([right, np.cross(forward, right), forward])

    def to_xml(self, resolution: tuple[int, int]) -> ElementTree.Element:
        """The ``<camera>`` element. MuJoCo's cameras look along -z with y up: half a turn about x from OpenCV's."""
        matrix = self.rotation() @ np.diag([1.0, -1.0, -1.0])
        x, y, z, w = Rotation.from_matrix(matrix).as_quat()
        return ElementTree.Element(
            "camera",
            name=self.view,
            mode="fixed",
            pos=" ".join(f"{value:.6f}" for value in self.position),
            quat=" ".join(f"{value:.9f}" for value in (w, x, y, z)),
            fovy=f"{self.vertical_field_of_view_deg:g}",
            resolution=f"{resolution[0]} {resolution[1]}",
        )
