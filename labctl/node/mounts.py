"""Names in a mountinfo, in the kernel's notation."""

from __future__ import annotations

import re

_OCTAL = re.compile(r"\\([0-7]{3})")


def unescaped(name: str) -> str:
    r"""Decode a name. In a mountinfo, the kernel writes a space as ``\040`` (proc_pid_mountinfo(5))."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), name)
