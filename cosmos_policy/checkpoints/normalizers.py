"""An embodiment as a given checkpoint was trained on it: its normaliser, which is never guessed, and its chunk."""

from __future__ import annotations

from dataclasses import replace

import embodiments
from cosmos_policy.checkpoints.resolve import Checkpoint
from cosmos_policy.errors import UsageError
from embodiments.normalizers import make
from embodiments.statistics import make_statistics


def embodiment_for(checkpoint: Checkpoint, embodiment: embodiments.Embodiment) -> embodiments.Embodiment:
    """`embodiment` with the normaliser and the chunk size that `checkpoint` was trained with.

    An embodiment whose normaliser or chunk size the caller chose (``with_normalizer``, or a file of their own) keeps
    it. Raises
    :class:`UsageError` where the checkpoint was not trained on the embodiment, or does not tell its normaliser.
    """
    card, name = checkpoint.card, embodiment.name
    chunk_size = card.chunk_sizes.get(name)
    if (
        chunk_size is not None
        and name in embodiments.names()
        and embodiment.chunk_size == embodiments.get(name).chunk_size
    ):
        embodiment = replace(embodiment, chunk_size=chunk_size)
    if card.embodiments is not None and name not in card.embodiments:
        raise UsageError(
            f"{checkpoint.name} was post-trained on {', '.join(card.embodiments)} and does not know {name}; "
            "use one of those, or a base checkpoint."
        )
    if _chosen_by_caller(embodiment) or card.normalizers == "base":
        return embodiment
    if card.normalizers is None:
        raise UsageError(
            f"Nothing tells which normalisers {checkpoint.name} was trained with: say which known checkpoint it is "
            'like (like="nvidia/Cosmos3-Nano"; --like on the command line), or give the embodiment its own.'
        )
    if name not in card.normalizers:
        raise UsageError(
            f"{checkpoint.name} brings normalisers for {', '.join(card.normalizers)}, and none for {name}; "
            "give the embodiment one with with_normalizer."
        )
    spec = card.normalizers[name]
    statistics = make_statistics(name, spec.source, spec.statistics)
    return embodiment.with_normalizer(make(spec.kind, statistics, spec.clamp))


def _chosen_by_caller(embodiment: embodiments.Embodiment) -> bool:
    if embodiment.name not in embodiments.names():
        return True
    # Not by identity: a robot that was copied, or came from another process, has a normaliser equal to its own.
    return embodiment.normalizer.describe() != embodiments.get(embodiment.name).normalizer.describe()
