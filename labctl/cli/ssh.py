"""labctl ssh, labctl ssh-config, and the ProxyCommand of both"""

from __future__ import annotations

import signal
import sys

import click

from labctl.cli.arguments import counted, instance_options, learner_option, named, one_lab, words_argument
from labctl.cli.command import labctl_command
from labctl.cli.context import asked


def _sent() -> dict[str, str]:
    """Return the variables that an SSH session sends to the box: language and colours, as ``labctl enter`` sets them.
    PAM sets LANG in the box."""
    from labctl.cli.enter import terminal_environment

    told = terminal_environment()
    return {"LC_MESSAGES": told["LANG"], **{name: told[name] for name in ("COLORTERM", "NO_COLOR") if name in told}}


@labctl_command(
    "ssh",
    example="labctl ssh master\nlabctl ssh master -- -L 8080:localhost:80",
    context_settings={"ignore_unknown_options": True},
)
@words_argument("[LAB] BOX [SSH ARGUMENTS]...", type=click.UNPROCESSED)
@instance_options
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Connect to a box as root with your own OpenSSH client. labctl creates a key for this lab. The connection goes
    through the engine, so no port is published. The box's sshd must work; labctl enter works without sshd."""
    request = asked(ctx, learner)
    lab, (box, *arguments) = named(request, words, lab, "BOX")
    request.labctl.boxes.ssh(request.actor, lab, box, arguments, _sent())


@labctl_command(
    "ssh-config",
    example="labctl ssh-config >> ~/.ssh/config\nlabctl ssh-config > lab.ssh && scp -F lab.ssh a.conf master:",
)
@one_lab
@learner_option
@click.pass_context
def config(ctx: click.Context, lab: str, learner: str) -> None:
    """Print an OpenSSH configuration for the boxes of a lab, for scp, rsync, VS Code and Ansible."""
    labctl, actor = asked(ctx, learner)
    click.echo(labctl.boxes.ssh_config(actor, lab, _sent()), nl=False)


@labctl_command(
    "ssh-proxy", example="ssh -o ProxyCommand='labctl ssh-proxy master --lab redis-replication' root@master"
)
@words_argument("[LAB] BOX")
@instance_options
@click.pass_context
def proxy(ctx: click.Context, words: tuple[str, ...], lab: str, learner: str) -> None:
    """Connect standard input and output to the box's port 22, for OpenSSH's ProxyCommand."""
    # OpenSSH ends its ProxyCommand with SIGHUP or SIGTERM, also after success. No cleanup is needed here, because the
    # process in the box ends with its stdin.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    lab, (box,) = counted(words, lab, "BOX")
    labctl, actor = asked(ctx, learner)
    stream = labctl.boxes.ssh_stream(actor, lab, box)
    from labctl.cli.ui.pipe import join

    ctx.exit(join(stream, sys.stdin.fileno(), sys.stdout.fileno()))
