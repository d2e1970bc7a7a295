"""The table scenes that several tasks share: one cube (robosuite's ``Lift``), or two (``Stack``)."""

from collections.abc import Callable

import numpy as np

SPAN_M = 0.045
"""Between the centres of Stack's cubes when one stands on the other: half of 4 cm and half of 5 cm."""
TWO_CUBES = {"red cube": "cubeA_main", "green cube": "cubeB_main"}


def _anywhere(along_m: float, across_m: tuple[float, float]) -> Callable[[int, float], dict]:
    """Cubes turned any way in an area around 4 cm before the table's middle.

    along_m: half its length from the robot. across_m: half its width, at placement 0 and what placement 1 adds.
    """

    def options(seed: int, placement: float) -> dict:
        from robosuite.utils.placement_samplers import UniformRandomSampler

        across = across_m[0] + across_m[1] * placement
        sampler = UniformRandomSampler(
            name="CubeSampler",
            x_range=(-0.04 - along_m * placement, -0.04 + along_m * placement),
            y_range=(-across, across),
            rotation=None,
            ensure_object_boundary_in_range=False,
            ensure_valid_placement=True,
            reference_pos=np.array([0.0, 0.0, 0.8]),  # the table top of Lift and Stack
            z_offset=0.001,
            rng=np.random.default_rng(seed),
        )
        return {"placement_initializer": sampler}

    return options


one_cube_anywhere = _anywhere(0.08, (0.0, 0.15))
"""16 by 30 cm: robosuite's own 6 by 6 cm would teach one spot."""
two_cubes_anywhere = _anywhere(0.10, (0.10, 0.05))
"""20 by 30 cm, clear of each other; robosuite's own area is 16 by 16 cm."""
