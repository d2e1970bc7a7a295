"""A model's answer as a message, and actions in messages as arrays."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk
from cosmos_policy.wire.contract import describe_embodiment
from cosmos_policy_interfaces.msg import ActionChunk as ActionChunkMessage
from cosmos_policy_interfaces.msg import CommandRows
from embodiments import Embodiment
from ros2_nodes.conversions.stamps import to_stamp


class ChunkWriter:
    """Writes the chunks of one embodiment, with its names and units."""

    def __init__(self, embodiment: Embodiment) -> None:
        self._name = embodiment.name
        self._action_names = [column.name for column in embodiment.columns]
        self._units = {told["name"]: told["unit"] for told in describe_embodiment(embodiment)["commands"]}

    def __call__(
        self,
        chunk: ActionChunk,
        *,
        number: int = 0,
        instruction: str = "",
        prefix_length: int = 0,
        inference_ms: float = math.nan,
    ) -> ActionChunkMessage:
        """The chunk's message. number: counts the chunks of a node."""
        message = ActionChunkMessage(
            number=number,
            embodiment=self._name,
            checkpoint=str(chunk.info.get("checkpoint", "")),
            instruction=instruction,
            dt=float(chunk.dt),
            num_actions=len(chunk.unified),
            prefix_length=prefix_length,
            action_names=self._action_names,
            unified=_flat(chunk.unified),
            commands=[to_rows(name, rows, self._units.get(name, "")) for name, rows in chunk.commands.items()],
            inference_ms=inference_ms,
        )
        message.header.stamp = to_stamp(chunk.stamp)
        return message


def to_rows(name: str, rows: np.ndarray, unit: str = "") -> CommandRows:
    """[T, ...] as one quantity over time; what follows the first axis is flattened."""
    return CommandRows(name=name, unit=unit, width=int(np.prod(rows.shape[1:], dtype=int)), values=_flat(rows))


def from_rows(message: CommandRows, what: str) -> np.ndarray:
    """float64 [T, width]. Raises :class:`UsageError` where the numbers do not make whole rows."""
    count, width = len(message.values), message.width
    if width < 1 or count < 1 or count % width:
        raise UsageError(f"{what} has {count} values in rows of {width}; expected one or more whole rows.")
    return np.array(message.values, dtype=np.float64).reshape(-1, width)


def from_state(rows: Iterable[CommandRows], embodiment: Embodiment) -> Mapping[str, np.ndarray]:
    """name -> the present state, in the shapes that the embodiment documents."""
    state = {}
    known = {field["name"]: field["shape"] for field in describe_embodiment(embodiment)["state"]}
    for message in rows:
        if message.name not in known:
            raise UsageError(f"{embodiment.name} reads no state {message.name!r}; it reads {', '.join(known)}.")
        shape = known[message.name]
        if len(message.values) != int(np.prod(shape)):
            raise UsageError(f"the state {message.name} has {len(message.values)} values; expected the shape {shape}.")
        state[message.name] = np.array(message.values, dtype=np.float64).reshape(shape)
    return state


def _flat(rows: np.ndarray) -> array:
    return array("d", np.asarray(rows, dtype=np.float64).reshape(-1))
