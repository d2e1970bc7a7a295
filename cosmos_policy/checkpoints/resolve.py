"""From what a user typed to a folder with weights: a built-in name, a path, or a hub id."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cosmos_policy.checkpoints.layout import check_layout, fingerprint
from cosmos_policy.checkpoints.registry import BUILT_IN, CARD_FILE, CheckpointCard, cards, find_card, unknown_card
from cosmos_policy.errors import Failure, UsageError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


#: A checkpoint folder may describe itself: a :class:`CheckpointCard` as JSON.


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is here: what was asked for, its folder, its commit or fingerprint, and what is known of it."""

    name: str
    folder: Path
    revision: str
    card: CheckpointCard


def resolve_checkpoint(
    name: str | os.PathLike[str], revision: str | None = None, like: str | None = None
) -> Checkpoint:
    """Find, make or download a checkpoint.

    name: "tiny" or "small", which are built in; a folder in the published layout; or a hub id ("nvidia/Cosmos3-Nano",
        or "Cosmos3-Nano" for the known ones), which goes through huggingface_hub with the user's own token and cache.
    revision: branch, tag or commit of a hub id.
    like: the known checkpoint whose prompt, sampling and normalisers this one was trained with; needed where neither a
        ``cosmos_policy.json`` in the folder nor its name tells.
    Raises :class:`UsageError` for a name that is none of these and for a folder that is no checkpoint, and
    :class:`Failure` where the hub cannot be reached or refuses.
    """
    text = os.fspath(name)
    folder = Path(text).expanduser()
    if folder.is_dir():
        check_layout(folder)
        return Checkpoint(text, folder, fingerprint(folder), _card_of(text, folder, folder.resolve().name, like))
    if text in BUILT_IN:
        from cosmos_policy.checkpoints.builtin import builtin_folder

        made = builtin_folder(text)
        return Checkpoint(text, made, fingerprint(made), _card_of(text, made, text, like))
    if text.startswith((".", "/", "~")) or text.count("/") > 1:
        raise UsageError(f"There is no folder {text}; give a checkpoint folder, a hub id, or one of {_known()}.")
    card = find_card(text)
    hub_id = card.name if card else text
    if not HUB_ID.fullmatch(hub_id):
        raise UsageError(f"Unknown checkpoint {text!r}.{_nearest(text)} Known: {_known()}; or a folder or hub id.")
    downloaded = _download(hub_id, revision)
    check_layout(downloaded)
    return Checkpoint(hub_id, downloaded, downloaded.name, _card_of(hub_id, downloaded, hub_id, like))


def _card_of(name: str, folder: Path, known_as: str, like: str | None) -> CheckpointCard:
    """The card that the caller named, that lies in the folder, or that the name tells; in this order."""
    if like is not None:
        card = find_card(like)
        if card is None:
            raise UsageError(f"like={like!r} is no known checkpoint.{_nearest(like)} Known: {_known()}.")
        return card
    if (folder / CARD_FILE).is_file():
        try:
            return CheckpointCard.model_validate_json((folder / CARD_FILE).read_text())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise UsageError(
                f"{folder / CARD_FILE} does not describe a checkpoint: {where}: {first['msg']}."
            ) from error
    card = find_card(known_as)
    if card is None:
        return unknown_card(name)
    if name in (card.name, known_as):
        return card
    note = f"{name} is taken for {card.name} by its folder's name: its prompt, sampling and normalisers are used."
    return card.model_copy(update={"notes": (*card.notes, note)})


def _nearest(text: str) -> str:
    near = difflib.get_close_matches(text, [*cards(), *(known.rpartition("/")[2] for known in cards())], n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _known() -> str:
    return ", ".join(cards())


def _download(hub_id: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(hub_id, revision=revision))
    except GatedRepoError as error:
        raise Failure(
            f"{hub_id} wants its licence accepted: accept it on the model's page, then log in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"The hub has no checkpoint {hub_id} (or it is private: log in with `hf auth login`). Known: {_known()}."
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise Failure(
            f"{hub_id} is not in the local cache and could not be downloaded ({type(error).__name__}); "
            "check the network, or give the path of a folder that holds it."
        ) from error
