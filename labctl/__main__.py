"""``python -m labctl`` and the command ``labctl``."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line, then end the process at once. Never returns.

    A command is a short process. Garbage collection during imports and the interpreter's cleanup at the end take a
    tenth of a second together. Both only free memory that the kernel frees anyway when the process ends.
    """
    gc.set_threshold(50_000)
    from labctl.cli.main import run

    code = 0
    try:
        run()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()
