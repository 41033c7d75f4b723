"""The user's own pager."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess


def page(text: str) -> bool:
    """Show the text with ``$PAGER``, else with less, until its reader leaves it. False where there is neither."""
    chosen = os.environ.get("PAGER", "").strip()
    # -R: colours as such; -F -X: what fits on the screen is printed only. LESS of the user follows, and can add to it.
    environment = {"LESSCHARSET": "utf-8", **os.environ, "LESS": f"-RFX {os.environ.get('LESS', '')}".strip()}
    for command in filter(None, (chosen, "less")):
        try:
            process = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, env=environment)
        except (OSError, ValueError):
            continue
        _feed(process, text.encode())
        return True
    return False


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Ctrl-C is the pager's: labctl waits until that has ended, so that two don't read from one terminal."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with contextlib.suppress(BrokenPipeError):
            process.communicate(data)
        process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
