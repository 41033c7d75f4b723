"""Chinese texts, keyed by the English ones."""

from __future__ import annotations

TEXTS: dict[str, str] = {}
