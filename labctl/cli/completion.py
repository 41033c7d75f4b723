"""labctl completion"""

from __future__ import annotations

import click

from labctl.cli.command import labctl_command


@labctl_command("completion", example='eval "$(labctl completion bash)"\nlabctl completion fish | source')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a shell script that completes commands, labs, boxes and tasks."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  one of the choices
    click.echo(kind(ctx.find_root().command, {}, "labctl", "_LABCTL_COMPLETE").source())
