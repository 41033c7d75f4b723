"""labctl enter"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from labctl.cli.arguments import chosen_lab, instance_options, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import asked
from labctl.cli.ui import advice
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.i18n import language

if TYPE_CHECKING:
    from labctl.cli.context import Request

# Programs refuse to start if the terminfo(5) database in the box has no entry for the terminal's name. Such a name is
# replaced by xterm-256color, because all terminals are compatible with it.
_KNOWN_TERMINAL = (
    "known() { for d in /etc/terminfo /lib/terminfo /usr/share/terminfo; do"
    ' [ ! -e "$d/${TERM%"${TERM#?}"}/$TERM" ] || return 0; done; return 1; }; known || export TERM=xterm-256color; '
)
# A learner may have broken or removed bash. The shell of the toolbox can't be changed from inside the box.
_SHELL = (
    f"{_KNOWN_TERMINAL}cd /root 2>/dev/null; [ -x /bin/bash ] && /bin/bash -c : 2>/dev/null && exec /bin/bash -l; "
    "exec /.labctl/bin/busybox sh -l"
)


@labctl_command("enter", example="labctl enter master\nlabctl enter db-1/li master")
@words_argument("[LAB] [LEARNER] BOX")
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Open a root shell in a box. With LEARNER, open it in a box of that learner. The shell goes through the engine, so
    it also works if the box's network or sshd is broken. Leave it with exit or Ctrl-D. labctl exits with the shell's
    exit status."""
    lab, learner, box = _meant(asked(ctx), words, lab, learner)
    ctx.exit(perform(asked(ctx, learner), box, lab))


def perform(request: Request, box: str, lab: str = "") -> int:
    """Connect this terminal to a shell in the box, and return the shell's exit status. If stdin is not a terminal,
    connect stdin and stdout to the shell instead."""
    boxes, actor = request.labctl.boxes, request.actor
    argv = ["/.labctl/bin/busybox", "sh", "-c", _SHELL]
    if not sys.stdin.isatty():
        # stdin is a script: use no terminal, and keep stdout and stderr separate.
        from labctl.cli.ui import pipe

        def to_stderr(data: bytes) -> None:
            pipe.to(sys.stderr.fileno())(data)

        process = boxes.process(actor, lab, box, argv, terminal_environment(), to_stderr)
        try:
            pipe.join(process, sys.stdin.fileno(), sys.stdout.fileno())
        finally:
            process.close()
        return process.exit_code()
    from labctl.cli.ui import tty

    rows, columns = tty.size()
    return tty.join(boxes.terminal(actor, lab, box, argv, terminal_environment(), rows, columns))


def _meant(request: Request, words: tuple[str, ...], lab: str, learner: str) -> tuple[str, str, str]:
    """Return lab, learner and box. If one of the words before the box is the name of a lab, this word is the lab.
    Raises UsageError for too few or too many words."""
    if not words:
        raise UsageError("{command} needs {name}", hint=Hint.HELP_OF, command="enter", name="BOX")
    *before, box = words
    labs = request.labctl.labs.names(request.actor)
    word = next((name for name in before if name in labs), "")
    if word:
        before.remove(word)
    if len(before) > 1 or (before and learner):
        raise UsageError("the command labctl enter accepts only a learner and a box", hint=Hint.ENTER_AS)
    advice.choose(learner=before[0] if before else "")
    return chosen_lab(word, lab), before[0] if before else learner, box


def terminal_environment() -> dict[str, str]:
    """Return the environment that describes this terminal to programs in the box: type, colours and language."""
    locale = "zh_CN.UTF-8" if language() == "zh" else "en_US.UTF-8"
    passed = {name: value for name in ("COLORTERM", "NO_COLOR") if (value := os.environ.get(name, "")).isalnum()}
    return {"TERM": os.environ.get("TERM", "xterm-256color"), "LANG": locale, "HOME": "/root", "USER": "root", **passed}
