"""The files that the gateway installs on a server, and the settings that sshd must report afterwards. This module makes
texts only and writes no files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Literal

import msgspec

_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)
MARK = "labctl gateway"
"""The GECOS field of the gateway's accounts."""

ONCE = "MaxStartups 200:30:600"
"""The limit of concurrent unauthenticated logins. sshd's default, 10:30:100, drops logins if a whole class logs in at
the same time."""

# sshd refuses -R, -w, -A and -X without a log message. With this setting it logs every request of a client.
_LOGGED = ",".join(
    f"{place}():*"
    for place in (
        "serverloop.c:server_input_global_request",
        "serverloop.c:server_input_channel_open",
        "session.c:session_input_channel_req",
    )
)


class Layout(msgspec.Struct, frozen=True):
    """The accounts and paths of the gateway. ``run_as`` is the user whose labctl the gateway runs, with this user's
    settings, catalogs and store."""

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
        """The program that sshd runs to find the owner of a key."""
        return f"{self.folder}/keys"

    @property
    def home(self) -> str:
        """The account's home: an empty folder that belongs to root."""
        return f"{self.folder}/home"

    @property
    def sshd_part(self) -> str:
        """The gateway's part of sshd's configuration."""
        return f"{self.sshd_config}.d/labctl.conf"


ChangeKind = Literal["account", "shell", "folder", "file", "unit", "sshd", "remove", "unaccount"]


class ServerChange(msgspec.Struct, frozen=True):
    """One change on a server that installs or removes the gateway. ``content`` is the text of a file or the shell of an
    account."""

    kind: ChangeKind
    target: str
    content: str = ""
    mode: int = 0o644


def is_account(name: str) -> bool:
    """Return whether the name is valid for an account (useradd(8))."""
    return _ACCOUNT.fullmatch(name) is not None


def wanted(layout: Layout) -> dict[str, str]:
    """Return the gateway account's settings: keyword of sshd_config(5) to value."""
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
    """Return the gateway's part of sshd_config(5). It must be included at the beginning, because sshd uses the first
    value that it finds for a keyword."""
    lines = [
        "# Made by labctl gateway install; labctl gateway install --uninstall takes it away.",
        ONCE,
        f"Match User {layout.account}",
        *(f"    {keyword} {value}" for keyword, value in wanted(layout).items()),
        "Match all",
    ]
    return "\n".join(lines) + "\n"


def effective(text: str) -> dict[str, tuple[str, ...]]:
    """Parse the output of ``sshd -T`` into values by keyword in lower case. A keyword may occur several times."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword:
            found.setdefault(keyword.lower(), []).append(value.strip())
    return {keyword: tuple(values) for keyword, values in found.items()}


def not_in_effect(layout: Layout, told: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str, str]]:
    """Return the account's settings that differ in sshd, each as keyword, wanted value and found value. If sshd doesn't
    report a keyword, this version of sshd doesn't know the keyword, which is not an error."""
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
    """Return the keywords whose values would change for other users. The list should be empty."""
    names = before.keys() | after.keys()
    return sorted(name for name in names - {"maxstartups"} if before.get(name) != after.get(name))


def unit(layout: Layout, command: list[str], environment: Mapping[str, str]) -> str:
    """Return the unit file (systemd.service(5)). ``RuntimeDirectory`` creates the socket's folder, and
    ``LogsDirectory`` creates the log's folder."""
    variables = [f"Environment={_quoted(f'{name}={value}', '$')}" for name, value in sorted(environment.items())]
    lines = [
        "# Made by labctl gateway install.",
        "[Unit]",
        "Description=labctl's gateway: learners' way to their boxes by SSH",
        "Wants=docker.service",
        "After=docker.service network.target",
        "",
        "[Service]",
        # systemctl start, and units that wait for this unit, continue when the gateway accepts logins.
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
    """Quote a word for a unit file, so that systemd expands nothing in it. ``dollar`` is the escaped form of ``$``."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", dollar)
    return plain if shlex.quote(word) == word else f'"{plain}"'
