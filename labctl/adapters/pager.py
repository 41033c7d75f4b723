"""The user's own pager."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess


def page(text: str) -> bool:
    """Show the text with ``$PAGER`` until the user leaves the pager. If ``$PAGER`` is empty or can't be started, use
    less. Return False if no pager can be started."""
    chosen = os.environ.get("PAGER", "").strip()
    # -R shows colours. -F and -X print a text that fits on the screen and end at once. The user's LESS follows and can
    # add options.
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
    """Send the text to the pager and wait for its end. labctl ignores Ctrl-C, so that labctl and the pager do not read
    from the terminal at the same time. Only the pager handles Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with contextlib.suppress(BrokenPipeError):
            process.communicate(data)
        process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
