"""labctl's own folders, by the XDG Base Directory Specification. Light: every command comes by here."""

from __future__ import annotations

import os
from pathlib import Path


def in_checkout() -> bool:
    """Whether labctl runs from a checkout, where ./setup.sh is; an installed one has none."""
    return (Path(__file__).parents[2] / "setup.sh").is_file()


def _xdg(variable: str, default: str) -> Path:
    """A base folder; the specification says that a relative one is to be ignored."""
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default


def config_file() -> Path:
    """Where settings are kept; it need not exist."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "labctl" / "config.toml"


def state_folder() -> Path:
    """Where labctl keeps what it can't make again; it need not exist."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "labctl"


def cache_dir() -> Path:
    """Where copies are kept that can be made again; it need not exist."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "labctl"
