"""What each sample of a batch is: which window, which question, what of it is told. Drawn from the step's own numbers.

The draw of a step depends on the seed, the device's rank and the step alone, so that a resumed run continues with the
very batches that the unbroken run would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosmos_policy.training.data.windows import TrainingData, WindowGroup
from cosmos_policy.training.settings import MixtureSettings

EMPTY_PROMPT = 0


@dataclass(frozen=True)
class Role:
    """One sample: window number `window` of group number `group`.

    mode: "policy", "forward_dynamics", "inverse_dynamics" or "video". text: number of its prompt.
    history, state: rows before the chunk. prefix: actions of the chunk that are given.
    """

    group: int
    window: int
    mode: str
    text: int
    history: int = 0
    state: int = 0
    prefix: int = 0


def roles_of_step(
    data: TrainingData, settings: MixtureSettings, batch_size: int, seed: tuple[int, ...]
) -> tuple[Role, ...]:
    """The samples of one batch. seed: what tells this batch from all others: (run's seed, rank, step, pass)."""
    generator = np.random.default_rng(seed)
    shares = np.array([group.share for group in data.groups])
    groups = generator.choice(len(data.groups), size=batch_size, p=shares / shares.sum())
    names, weights = zip(*settings.modes.items(), strict=True)
    modes = generator.choice(len(names), size=batch_size, p=np.array(weights) / sum(weights))
    windows = generator.random(batch_size)
    chances = generator.random((batch_size, 5))
    counts = generator.random((batch_size, 2))
    return tuple(
        _role(
            data.groups[number],
            number,
            int(windows[row] * len(data.groups[number])),
            names[modes[row]],
            settings,
            chances[row],
            counts[row],
        )
        for row, number in enumerate(groups.tolist())
    )


def _role(
    group: WindowGroup,
    number: int,
    window: int,
    mode: str,
    settings: MixtureSettings,
    chances: np.ndarray,
    counts: np.ndarray,
) -> Role:
    """chances: uniform numbers for text, idle, state, history, prefix; counts: for the lengths of the last two."""
    no_text, tell_idle, no_state, no_history, give_prefix = chances
    prompts = group.prompts[window]
    if no_text < settings.text_dropout:
        text = EMPTY_PROMPT
    elif mode == "inverse_dynamics":
        text = prompts.inverse_dynamics
    else:
        text = prompts.idle if tell_idle < settings.idle_frames else prompts.plain
    if mode == "video":
        return Role(number, window, mode, text)
    state = 0 if no_state < settings.state_dropout else group.state.shape[1]
    most = min(settings.history_rows, int(group.reach[window]))
    history = 0 if most == 0 or no_history < settings.history_dropout else 1 + int(counts[0] * most)
    prefix = 0
    longest = min(settings.longest_prefix, group.actions.shape[1] - 1)
    if mode == "policy" and longest > 0 and give_prefix < settings.prefix:
        prefix = 1 + int(counts[1] * longest)
    return Role(number, window, mode, text, history, state, prefix)
