"""Where this software keeps what it made and can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$COSMOS_POLICY_CACHE``, else ``$XDG_CACHE_HOME/cosmos-policy``, else ``~/.cache/cosmos-policy``."""
    own = os.environ.get("COSMOS_POLICY_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cosmos-policy"
