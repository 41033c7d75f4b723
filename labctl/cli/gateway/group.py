"""labctl gateway: the group and the options that its commands share"""

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
        "install": ("labctl.cli.gateway.install:command", "Install the gateway on this server, or remove it."),
        "serve": ("labctl.cli.gateway.serve:command", "Run the broker that serves the logins of sshd."),
        "keys": ("labctl.cli.gateway.keys:command", "List the keys that can log in, with their learners."),
        "status": (
            "labctl.cli.gateway.status:command",
            "Show the gateway's state, its sessions and its last refusals.",
        ),
    }


@click.command("gateway", cls=_Group, epilog="Example:  sudo labctl gateway install")
def group() -> None:
    """Give the learners of a cohort access by SSH. All learners log in to one account, each with their own key. A
    learner reaches only their own boxes."""


_account = click.option("--account", default="lab", metavar="NAME", help="The account that learners log in to.")
_keys_account = click.option(
    "--keys-account", default="labctl-keys", metavar="NAME", help="The account that sshd uses to look up keys."
)
_socket = click.option("--socket", default="", metavar="FILE", help="The broker's socket.")


def layout_options(function: F) -> F:
    """Add --account, --keys-account and --socket."""
    return _account(_keys_account(_socket(function)))


def layout(account: str, keys_account: str, socket: str, **others: str) -> Layout:
    """Return the layout of the gateway. An empty argument means the default."""
    from labctl.domain.access.gateway_files import Layout

    given = {"account": account, "keys_account": keys_account, "socket": socket, **others}
    return Layout(**{name: value for name, value in given.items() if value})
