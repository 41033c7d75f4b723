"""labctl's own folders, by the XDG Base Directory Specification. Imports little, because every command uses this
module."""

from __future__ import annotations

import os
from pathlib import Path


def in_checkout() -> bool:
    """Return whether labctl runs from a checkout, which contains ./setup.sh. An installed labctl has no setup.sh."""
    return (Path(__file__).parents[2] / "setup.sh").is_file()


def _xdg(variable: str, default: str) -> Path:
    """Return a base folder. The specification requires that a relative path is ignored."""
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default


def config_file() -> Path:
    """Return the file of the settings. The file need not exist."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "labctl" / "config.toml"


def state_folder() -> Path:
    """Return the folder of data that labctl can't create again. The folder need not exist."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "labctl"


def cache_dir() -> Path:
    """Return the folder of caches, which labctl can create again. The folder need not exist."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "labctl"
