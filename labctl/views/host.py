"""What is shown of this installation: its settings. What doctor finds is a ``domain.diagnosis.Finding``."""

from __future__ import annotations

from typing import Literal

import msgspec

SettingSource = Literal["default", "file", "env"]
SettingValue = str | tuple[str, ...]


class Setting(msgspec.Struct, frozen=True):
    """One setting, and where its value comes from. A password in the value is left out."""

    key: str
    value: SettingValue
    source: SettingSource
