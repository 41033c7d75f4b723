"""A view of this installation: its settings. The findings of doctor are ``domain.diagnosis.Finding``."""

from __future__ import annotations

from typing import Literal

import msgspec

SettingSource = Literal["default", "file", "env"]
SettingValue = str | tuple[str, ...]


class Setting(msgspec.Struct, frozen=True):
    """One setting, and the source of its value. A password in the value is omitted."""

    key: str
    value: SettingValue
    source: SettingSource
