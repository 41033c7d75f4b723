"""labctl gateway: the group, and what its commands share"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from labctl.cli.main import LazyGroup

if TYPE_CHECKING:
    from labctl.domain.access.gateway_files import Layout

F = TypeVar("F", bound=Callable[..., Any])


class _Group(LazyGroup):
    table = {  # noqa: RUF012
        "install": ("labctl.cli.gateway.install:command", "Put the gateway on this server, or take it away."),
        "serve": ("labctl.cli.gateway.serve:command", "The broker that sshd's logins come to."),
        "keys": ("labctl.cli.gateway.keys:command", "Which keys open the gateway, and for whom."),
        "status": ("labctl.cli.gateway.status:command", "How the gateway is, who is in, and what was refused."),
    }


@click.command("gateway", cls=_Group, epilog="Example:  sudo labctl gateway install")
def group() -> None:
    """The gateway: learners of a cohort come by SSH, each with their own key, all to one account, and get to their own
    boxes and nowhere else."""


_account = click.option("--account", default="lab", metavar="NAME", help="The account that learners log in to.")
_keys_account = click.option(
    "--keys-account", default="labctl-keys", metavar="NAME", help="The account that sshd looks keys up as."
)
_socket = click.option("--socket", default="", metavar="FILE", help="The broker's socket.")


def layout_options(function: F) -> F:
    """--account, --keys-account and --socket."""
    return _account(_keys_account(_socket(function)))


def layout(account: str, keys_account: str, socket: str, **others: str) -> Layout:
    """Where everything is; what is empty is where it usually is."""
    from labctl.domain.access.gateway_files import Layout

    given = {"account": account, "keys_account": keys_account, "socket": socket, **others}
    return Layout(**{name: value for name, value in given.items() if value})
