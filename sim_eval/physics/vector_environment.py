"""``gymnasium.make_vec("CosmosPolicy/Robosuite-v0", num_envs=8, ...)``: N scenes, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from gymnasium.vector.async_vector_env import AsyncState, _async_worker
from gymnasium.vector.utils import iterate

from cosmos_policy.errors import Failure, UsageError
from sim_eval.physics.command_spaces import CommandSpace
from sim_eval.physics.gymnasium_environment import RobosuiteEnvironment
from sim_eval.processes import follow_the_first_process
from sim_eval.vector_options import checked_reset_mask, known_autoreset_mode, seed_each


class RobosuiteVectorEnvironment(AsyncVectorEnv):
    """N of :class:`~sim_eval.physics.gymnasium_environment.RobosuiteEnvironment`, stepped side by side.

    Gymnasium's own ``AsyncVectorEnv`` with processes that are spawned (OpenGL does not survive a fork) and end with
    the one that started them; observations pass through shared memory. A script that makes one needs the guard ``if
    __name__ == "__main__":``, as every Python program that spawns does.

    Scene i of ``reset(seed=s)`` is the single environment's of ``reset(seed=s + i)``; a list of seeds names each; what
    follows a reset by itself is drawn from that environment's own generator, as in the single one.

    Args:
        num_envs: scenes at a time; each process takes about 0.8 GB.
        autoreset_mode: "NextStep" (the step after an end resets that scene, ignoring its action, with reward 0; the
            ending step returns what was last seen), "SameStep" (the ending step itself resets it;
            ``info["final_obs"]`` and ``info["final_info"]`` hold what it ended with) or "Disabled" (the caller resets
            ended scenes with ``options={"reset_mask": bool array}``). Declared in ``metadata["autoreset_mode"]``.
        max_concurrency: scenes that compute at the same moment; None for all.
        **settings: the arguments of the single environment.

    Raises:
        UsageError: wrong settings or actions, told here and before any process is asked.
        Failure: a process died; the environment is closed then.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_concurrency: int | None = None,
        **settings: Any,
    ) -> None:
        if num_envs < 1:
            raise UsageError(f"num_envs is {num_envs}; expected at least 1 scene.")
        mode = known_autoreset_mode(autoreset_mode)
        first = RobosuiteEnvironment(**settings)  # wrong settings are told here, not by eight processes
        self.embodiment, self.commands = first.embodiment, first.commands
        first.close()
        self._ended = np.zeros(num_envs, dtype=bool)
        with self._processes_alive():
            super().__init__(
                [partial(RobosuiteEnvironment, **settings)] * num_envs,
                context="spawn",
                worker=_work,
                autoreset_mode=mode,
                max_concurrency=max_concurrency,
            )

    embodiment: Any
    """The embodiment that every scene is seen and commanded as."""
    commands: CommandSpace
    """What one control step of one scene holds."""

    def reset_async(
        self, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> None:
        """New scenes, all of them or those of ``options["reset_mask"]``, bool ``[N]``."""
        asked = dict(options or {})
        mask = checked_reset_mask(asked.pop("reset_mask", None), self.num_envs)
        if asked:
            raise UsageError(f"reset takes no options but reset_mask, and got {', '.join(asked)}")
        seeds = seed_each(seed, self.num_envs)
        if any(one is not None and one < 0 for one in seeds):
            raise UsageError(f"seeds {seeds} hold a negative one: a seed is 0 or more")
        self._ended &= ~mask
        with self._processes_alive():
            super().reset_async(seed=seeds, options=None if mask.all() else {"reset_mask": mask})

    def reset_wait(self, timeout: float | None = None) -> tuple[dict, dict]:
        """What is seen in every scene, and the infos of those that were reset."""
        with self._processes_alive():
            return super().reset_wait(timeout)

    def step_async(self, actions: Mapping[str, np.ndarray]) -> None:
        """One control step in every scene. actions: arrays ``[N, ...]`` of the single action's names."""
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            ended = ", ".join(map(str, np.flatnonzero(self._ended)))
            raise UsageError(f"the scenes {ended} have ended: reset them with options={{'reset_mask': ...}} first")
        for action in iterate(self.action_space, self._batch(actions)):
            self.commands.check(action)
        with self._processes_alive():
            super().step_async(self._batch(actions))

    def step_wait(self, timeout: float | None = None) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray, dict]:
        """As Gymnasium's: observations, rewards, terminations, truncations, infos."""
        with self._processes_alive():
            answer = super().step_wait(timeout)
        self._ended = answer[2] | answer[3]
        return answer

    def call_wait(self, timeout: float | None = None) -> tuple[Any, ...]:
        """The answers of every scene to ``call_async``."""
        with self._processes_alive():
            return super().call_wait(timeout)

    def _batch(self, actions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        batch = {}
        for name, box in self.action_space.spaces.items():
            if name not in actions:
                raise UsageError(f"the actions lack {name!r}; they hold {', '.join(actions) or 'nothing'}")
            batch[name] = np.asarray(actions[name], dtype=np.float64)
            if batch[name].shape != box.shape:
                raise UsageError(
                    f"{name!r} of the actions must have shape {list(box.shape)}, not {list(batch[name].shape)}"
                )
        return batch

    @contextmanager
    def _processes_alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, ConnectionError) as error:
            wait([process.sentinel for process in self.processes], timeout=5.0)
            ends = [process.exitcode for process in self.processes if process.exitcode is not None]
            self._state = AsyncState.DEFAULT  # else closing waits for the answer that does not come
            self.close(terminate=True)
            raise Failure(
                f"a process with a scene in it died (exit codes {', '.join(map(str, ends)) or 'not known yet'}; out of "
                "memory, or killed): make the environment again, with a smaller num_envs if memory was short"
            ) from error


def _work(*arguments: Any) -> None:
    """The life of a process: Gymnasium's own worker, that does not outlive the process that started it."""
    follow_the_first_process()
    _async_worker(*arguments)
