"""Colours, light and cameras of a compiled scene, varied by chance. Nothing here changes how things move."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from sim_eval.physics.randomization import Randomization

_ROBOT_BODIES = ("robot", "gripper", "fixed_mount")


def vary_looks(
    model: mujoco.MjModel, randomization: Randomization, views: Sequence[str], objects: Sequence[str], seed: int
) -> None:
    """Edits a compiled model in place.

    views: names of the cameras. objects: bodies that the task's objects consist of, with what hangs on them.
    """
    # One stream a part, so that switching one off leaves the others as they were.
    colours, light, cameras = (np.random.default_rng([seed, part]) for part in (1, 2, 3))
    _vary_colours(model, randomization, set(objects), colours)
    _vary_light(model, randomization, light)
    _vary_cameras(model, randomization, views, cameras)


def _vary_colours(
    model: mujoco.MjModel, randomization: Randomization, objects: set[str], generator: np.random.Generator
) -> None:
    tinted: set[int] = set()  # several geoms may share a material
    for geom in range(model.ngeom):
        lineage = _lineage(model, model.geom_bodyid[geom])
        if any(name.startswith(_ROBOT_BODIES) for name in lineage):
            continue
        depth = randomization.object_colour if objects.intersection(lineage) else randomization.surface_colour
        factors = 1.0 - depth * generator.random(3)
        material = model.geom_matid[geom]
        if material < 0:
            model.geom_rgba[geom, :3] *= factors
        elif material not in tinted:
            tinted.add(material)
            model.mat_rgba[material, :3] *= factors


def _vary_light(model: mujoco.MjModel, randomization: Randomization, generator: np.random.Generator) -> None:
    def factor() -> float:
        return 1.0 + randomization.light_intensity * generator.uniform(-1.0, 1.0)

    model.vis.headlight.ambient[:] *= factor()
    model.vis.headlight.diffuse[:] *= factor()
    for lamp in range(model.nlight):
        model.light_diffuse[lamp] *= factor()
        shift = randomization.light_position_m * generator.uniform(-1.0, 1.0, 3)
        model.light_pos[lamp] += shift
        model.light_pos0[lamp] += shift


def _vary_cameras(
    model: mujoco.MjModel, randomization: Randomization, views: Sequence[str], generator: np.random.Generator
) -> None:
    for view in views:
        camera = model.camera(view).id
        model.cam_pos[camera] += randomization.camera_position_m * generator.uniform(-1.0, 1.0, 3)
        turn = np.radians(randomization.camera_rotation_deg) * generator.uniform(-1.0, 1.0, 3)
        w, x, y, z = model.cam_quat[camera]
        x, y, z, w = (Rotation.from_quat([x, y, z, w]) * Rotation.from_euler("xyz", turn)).as_quat()
        model.cam_quat[camera] = w, x, y, z


def _lineage(model: mujoco.MjModel, body: int) -> list[str]:
    """Names of a body and of all that it hangs on, without the world."""
    names = []
    while body:
        names.append(model.body(body).name)
        body = model.body_parentid[body]
    return names
