"""What the gateway puts on a server, and what sshd must say when it is there. Texts only; nothing is written here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Literal

import msgspec

_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)
MARK = "labctl gateway"
"""The GECOS field of accounts that are the gateway's."""

ONCE = "MaxStartups 200:30:600"
"""Logins that haven't been let in yet, at once: sshd's own 10:30:100 turns learners away who come at nine o'clock."""

# sshd refuses -R, -w, -A and -X without a word in its log: so it tells of every request that a client makes.
_LOGGED = ",".join(
    f"{place}():*"
    for place in (
        "serverloop.c:server_input_global_request",
        "serverloop.c:server_input_channel_open",
        "session.c:session_input_channel_req",
    )
)


class Layout(msgspec.Struct, frozen=True):
    """Where everything is. ``run_as``: the user whose labctl it is, with their settings, catalogs and store."""

    account: str = "lab"
    keys_account: str = "labctl-keys"
    run_as: str = "root"
    folder: str = "/usr/local/libexec/labctl"
    socket: str = "/run/labctl/gateway.sock"
    log: str = "/var/log/labctl/gateway.log"
    sshd_config: str = "/etc/ssh/sshd_config"
    unit: str = "/etc/systemd/system/labctl-gateway.service"

    @property
    def login(self) -> str:
        """The account's shell."""
        return f"{self.folder}/login"

    @property
    def keys(self) -> str:
        """What sshd asks whose a key is."""
        return f"{self.folder}/keys"

    @property
    def home(self) -> str:
        """The account's home: root's, and empty."""
        return f"{self.folder}/home"

    @property
    def sshd_part(self) -> str:
        """The gateway's part of sshd's configuration."""
        return f"{self.sshd_config}.d/labctl.conf"


ChangeKind = Literal["account", "shell", "folder", "file", "unit", "sshd", "remove", "unaccount"]


class ServerChange(msgspec.Struct, frozen=True):
    """One thing to do to a server to install the gateway, or to remove it. ``content`` of a file, or the shell of an
    account."""

    kind: ChangeKind
    target: str
    content: str = ""
    mode: int = 0o644


def is_account(name: str) -> bool:
    """Whether an account can be called so (useradd(8))."""
    return _ACCOUNT.fullmatch(name) is not None


def wanted(layout: Layout) -> dict[str, str]:
    """Keyword to value, as sshd_config(5) has them, for the account alone."""
    return {
        "AuthenticationMethods": "publickey",
        "PubkeyAuthentication": "yes",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "HostbasedAuthentication": "no",
        "AuthorizedKeysFile": "none",
        "AuthorizedKeysCommand": f"{layout.keys} {layout.socket} %t %k",
        "AuthorizedKeysCommandUser": layout.keys_account,
        "AuthorizedPrincipalsFile": "none",
        "AuthorizedPrincipalsCommand": "none",
        "TrustedUserCAKeys": "none",
        "ForceCommand": "none",
        "ChrootDirectory": "none",
        "DisableForwarding": "yes",
        "AllowTcpForwarding": "no",
        "AllowStreamLocalForwarding": "no",
        "AllowAgentForwarding": "no",
        "X11Forwarding": "no",
        "PermitTunnel": "no",
        "GatewayPorts": "no",
        "PermitUserRC": "no",
        "PermitTTY": "yes",
        "Banner": "none",
        "MaxAuthTries": "10",
        "MaxSessions": "4",
        "ClientAliveInterval": "30",
        "ClientAliveCountMax": "4",
        "LogLevel": "VERBOSE",
        "LogVerbose": _LOGGED,
    }


def sshd_part(layout: Layout) -> str:
    """sshd_config(5), to be included at the beginning: the first value that sshd finds for a keyword is the one."""
    lines = [
        "# Made by labctl gateway install; labctl gateway install --uninstall takes it away.",
        ONCE,
        f"Match User {layout.account}",
        *(f"    {keyword} {value}" for keyword, value in wanted(layout).items()),
        "Match all",
    ]
    return "\n".join(lines) + "\n"


def effective(text: str) -> dict[str, tuple[str, ...]]:
    """What ``sshd -T`` prints, by keyword in lower case; keywords may come again."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword:
            found.setdefault(keyword.lower(), []).append(value.strip())
    return {keyword: tuple(values) for keyword, values in found.items()}


def not_in_effect(layout: Layout, told: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str, str]]:
    """What sshd says otherwise for the account: keyword, wanted, found. What it doesn't tell is not known to it."""
    odd = []
    for keyword, value in wanted(layout).items():
        found = told.get(keyword.lower())
        if found is not None and found != (value,) and not (value == "none" and found == ("",)):
            odd.append((keyword, value, ", ".join(found)))
    allowed = told.get("allowusers")
    if allowed and not any(
        name.partition("@")[0] in (layout.account, "*") for line in allowed for name in line.split()
    ):
        odd.append(("AllowUsers", layout.account, ", ".join(allowed)))
    return odd


def changed_for_others(before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Keywords that would be other ones for somebody who isn't a learner: none should."""
    names = before.keys() | after.keys()
    return sorted(name for name in names - {"maxstartups"} if before.get(name) != after.get(name))


def unit(layout: Layout, command: list[str], environment: Mapping[str, str]) -> str:
    """systemd.service(5). ``RuntimeDirectory`` makes the socket's folder, ``LogsDirectory`` the log's."""
    variables = [f"Environment={_quoted(f'{name}={value}', '$')}" for name, value in sorted(environment.items())]
    lines = [
        "# Made by labctl gateway install.",
        "[Unit]",
        "Description=labctl's gateway: learners' way to their boxes by SSH",
        "Wants=docker.service",
        "After=docker.service network.target",
        "",
        "[Service]",
        # Who starts it, and who waits for it, goes on when logins can come.
        "Type=notify",
        f"ExecStart={' '.join(_quoted(word, '$$') for word in command)}",
        f"User={layout.run_as}",
        *variables,
        "RuntimeDirectory=labctl",
        "RuntimeDirectoryMode=0755",
        "LogsDirectory=labctl",
        "LogsDirectoryMode=0750",
        "Restart=always",
        "RestartSec=1",
        "KillMode=mixed",
        "TimeoutStopSec=20",
        "TasksMax=8192",
        "LimitNOFILE=65536",
        "OOMPolicy=continue",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(word: str, dollar: str) -> str:
    """A word of a unit file, in which nothing is expanded. ``dollar``: how a ``$`` is written there."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", dollar)
    return plain if shlex.quote(word) == word else f'"{plain}"'
