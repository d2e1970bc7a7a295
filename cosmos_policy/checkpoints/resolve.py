"""From what a user typed to a folder with weights: a built-in name, a path, or a hub id."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cosmos_policy.checkpoints.layout import check_layout, fingerprint
from cosmos_policy.checkpoints.registry import CheckpointCard, cards, find_card, unknown_card
from cosmos_policy.errors import Failure, UsageError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is here: what was asked for, its folder, its commit or fingerprint, and what is known of it."""

    name: str
    folder: Path
    revision: str
    card: CheckpointCard


def resolve_checkpoint(name: str | os.PathLike[str], revision: str | None = None) -> Checkpoint:
    """Find, make or download a checkpoint.

    name: "tiny"; a folder in the published layout; or a hub id ("nvidia/Cosmos3-Nano", or "Cosmos3-Nano" for the known
        ones), which goes through huggingface_hub with the user's own token and cache.
    revision: branch, tag or commit of a hub id.
    Raises :class:`UsageError` for a name that is none of these and for a folder that is no checkpoint, and
    :class:`Failure` where the hub cannot be reached or refuses.
    """
    text = os.fspath(name)
    folder = Path(text).expanduser()
    if folder.is_dir():
        return _local(text, folder)
    if text == "tiny":
        from cosmos_policy.checkpoints.tiny import tiny_checkpoint

        made = tiny_checkpoint()
        return Checkpoint("tiny", made, fingerprint(made), cards()["tiny"])
    if text.startswith((".", "/", "~")) or text.count("/") > 1:
        raise UsageError(f"There is no folder {text}; give a checkpoint folder, a hub id, or one of {_known()}.")
    card = find_card(text)
    hub_id = card.name if card else text
    if not HUB_ID.fullmatch(hub_id):
        near = difflib.get_close_matches(text, [*cards(), *(known.rpartition("/")[2] for known in cards())], n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"Unknown checkpoint {text!r}.{hint} Known: {_known()}; or give a folder or a hub id owner/name."
        )
    downloaded = _download(hub_id, revision)
    check_layout(downloaded)
    return Checkpoint(hub_id, downloaded, downloaded.name, card or unknown_card(hub_id))


def _known() -> str:
    return ", ".join(cards())


def _local(name: str, folder: Path) -> Checkpoint:
    check_layout(folder)
    known = find_card(folder.resolve().name)
    if known is None:
        return Checkpoint(name, folder, fingerprint(folder), unknown_card(name))
    note = f"{name} is taken for {known.name} by its folder's name: its prompt and sampling defaults are used."
    return Checkpoint(name, folder, fingerprint(folder), known.model_copy(update={"notes": (*known.notes, note)}))


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
