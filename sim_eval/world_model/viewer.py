"""A window in which imagined frames are played: render mode "human"."""

from __future__ import annotations

import os

import numpy as np

from cosmos_policy.errors import UsageError

TITLE = "Cosmos Policy: imagined world"


class Viewer:
    """Opens a window with the first frames it plays. fps: frames per second."""

    def __init__(self, fps: float) -> None:
        try:
            os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it greets on stdout
            import pygame
        except ImportError:
            raise UsageError(
                'render_mode "human" needs pygame: install cosmos-policy[simulation], or use "rgb_array".'
            ) from None
        self._pygame, self._fps = pygame, fps
        self._window = self._clock = None

    def play(self, frames: np.ndarray) -> None:
        """Shows frames, uint8 [T, H, W, 3], one after the other at their rate; returns after the last one."""
        pygame = self._pygame
        height, width = frames.shape[1:3]
        if self._window is None:
            pygame.display.init()
            pygame.display.set_caption(TITLE)
            self._window = pygame.display.set_mode((width, height))
            self._clock = pygame.time.Clock()
        for frame in frames:
            self._window.blit(pygame.surfarray.make_surface(frame.swapaxes(0, 1)), (0, 0))
            pygame.event.pump()
            pygame.display.update()
            self._clock.tick(self._fps)

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._window is not None:
            self._pygame.display.quit()
            self._window = None
