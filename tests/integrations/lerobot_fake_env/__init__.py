"""A made-up environment of LeRobot's, to test a wire: LIBERO's pictures and actions, and nothing behind them.

It notes every action that it is told in the file that FAKE_LIBERO_ACTIONS names.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import gymnasium
import numpy as np
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.envs.configs import EnvConfig

STEPS = 6
SIZE = 64


class FakeLibero(gymnasium.Env):
    """Noise for pictures; done after a few steps, with success for even seeds."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's way)
    _max_episode_steps = STEPS
    task = task_description = "put the bowl on the plate"

    def __init__(self, render_mode="rgb_array"):
        self.render_mode = render_mode
        picture = gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
        self.observation_space = gymnasium.spaces.Dict(
            {"pixels": gymnasium.spaces.Dict({"image": picture, "image2": picture})}
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (7,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._step, self._even = 0, (seed or 0) % 2 == 0
        return self._observe(), {"is_success": False}

    def step(self, action):
        self._step += 1
        with Path(os.environ["FAKE_LIBERO_ACTIONS"]).open("a") as file:
            file.write(json.dumps(np.asarray(action, dtype=float).tolist()) + "\n")
        done = self._step >= STEPS
        return self._observe(), float(done), done, False, {"is_success": done and self._even}

    def render(self):
        return np.zeros((SIZE, SIZE, 3), np.uint8)

    def _observe(self):
        shape = (SIZE, SIZE, 3)
        return {"pixels": {name: self.np_random.integers(0, 256, shape, np.uint8) for name in ("image", "image2")}}


gymnasium.register("fake_libero/bowl", entry_point=FakeLibero, max_episode_steps=STEPS)


@EnvConfig.register_subclass("fake_libero")
@dataclass
class FakeLiberoConfig(EnvConfig):
    """``--env.type=fake_libero``."""

    task: str = "bowl"
    fps: int = 20
    features: dict[str, PolicyFeature] = field(
        default_factory=lambda: {
            "action": PolicyFeature(FeatureType.ACTION, (7,)),
            "pixels/image": PolicyFeature(FeatureType.VISUAL, (SIZE, SIZE, 3)),
            "pixels/image2": PolicyFeature(FeatureType.VISUAL, (SIZE, SIZE, 3)),
        }
    )
    features_map: dict[str, str] = field(
        default_factory=lambda: {
            "action": "action",
            "pixels/image": "observation.images.image",
            "pixels/image2": "observation.images.image2",
        }
    )

    @property
    def package_name(self):
        return "fake_libero"

    @property
    def gym_kwargs(self):
        return {}
