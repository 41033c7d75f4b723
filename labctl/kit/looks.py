"""Looks for ``survives``: each enumerates the whole of something, so that a comparison leaves nothing out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from labctl.kit.answers import Unmet
from labctl.kit.listening import plain_address
from labctl.kit.places import CheckedBox, CommandOutput, Place
from labctl.kit.processes import may_change_network
from labctl.kit.reading import parts_of
from labctl.kit.units import BoxUnits

MARIADB_EXCEPT = (
    "variables.timestamp",
    "variables.gtid_*",
    "variables.last_insert_id",
    "variables.pseudo_thread_id",
    "variables.hostname",
    "variables.error_count",
    "variables.warning_count",
    "variables.rand_seed*",
    "variables.identity",
    "variables.insert_id",
    "variables.in_transaction",
)
"""Variables of MariaDB that have another value after each start."""


class AsksRedis(Protocol):
    """What a look needs of a Redis client. A fault of the server must be an unmet."""

    def ask(self, *words: str) -> Any:
        """Send one command, and return the reply: a text or bytes, a number, or a list of replies."""


class AsksSql(Protocol):
    """What a look needs of an SQL client. A fault of the server must be an unmet."""

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        """Run one statement, and return its rows."""


def listeners(box: CheckedBox) -> dict[str, Any]:
    """Return all listening sockets, with the program and whether it is genuine."""
    return {
        f"{one.protocol} {plain_address(one.address)} {one.port}": f"{one.program}"
        + ("" if one.genuine else " (changed)")
        for one in sorted(box.listeners())
    }


def units(box: CheckedBox) -> dict[str, Any]:
    """Return the units that start at boot, and those that are masked."""
    known = BoxUnits(box)
    masked = [name for name in known.tree.names() if (entry := known.tree.entry(name)) and entry.nothing]
    return {"at boot": sorted(known.at_boot), "masked": masked}


# ---------------------------------------------------------------------------------------------------------------- rules
_LEGACY = "cat /proc/1/net/ip_tables_names /proc/1/net/ip6_tables_names 2>&-"
_INSIDE = "PATH=/.labctl/bin; export PATH; "


def rules(box: CheckedBox) -> dict[str, Any]:
    """Return the whole ruleset of the kernel: tables, chains, rules in their order, sets, maps and objects. Counters,
    handles, and the elements of sets that rules fill are left out. The rules of iptables are included a second time, as
    iptables-save prints them, because nft shows some of their matches only by name. Tables of iptables-legacy are only
    listed by name.

    A box without CAP_NET_ADMIN can have no rules, so the result is empty. The kernel shows the rules only to a process
    with this right. If labctl's process outside of the box does not have it, the toolbox's programs run as a process in
    the box, which root there can disturb. Raises unmet if this fails."""
    run: Callable[[str], CommandOutput] = box.run
    shown = run("nft -j list ruleset")
    if shown.rc != 0:
        if may_change_network(box) is False:
            return {}
        inside = box.inside()

        run = lambda command: inside.run(_INSIDE + command)  # noqa: E731
        shown = run("nft -j list ruleset")
    if shown.rc != 0:
        raise Unmet(box.name, found=("the rules can't be read", "无法读取防火墙规则"), see="nft list ruleset")
    found = nft_rules(_text(shown.stdout_bytes))
    for name in ("iptables", "ip6tables"):
        saved = run(f"{name}-save")
        lines = saved_rules(_text(saved.stdout_bytes)) if saved.rc == 0 else []
        found |= {name: lines} if lines else {}
    legacy = box.run(_LEGACY).stdout.split()
    return found | ({"iptables-legacy": sorted(legacy)} if legacy else {})


def saved_rules(text: str) -> list[str]:
    """Return the lines of iptables-save without comments and counters.

    >>> saved_rules("# x\\n*filter\\n:INPUT DROP [3:4]\\n[1:2] -A INPUT -j ACCEPT\\nCOMMIT\\n")
    ['*filter', ':INPUT DROP', '-A INPUT -j ACCEPT', 'COMMIT']
    """
    lines = (re.sub(r"^\[\d+:\d+\] | \[\d+:\d+\]$", "", line) for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def nft_rules(text: str) -> dict[str, Any]:
    """Return nft's JSON (libnftables-json(5)) by table and object. The value of a chain is its head and its rules."""
    try:
        items = json.loads(text)["nftables"]
    except (ValueError, KeyError, TypeError):
        return {"unreadable": text}
    found: dict[str, Any] = {}
    for item in items:
        for kind, body in item.items():
            if kind == "metainfo":
                continue
            table = f"{body.get('family')} {body.get('table', body.get('name'))}"
            place = found.setdefault(table, {})
            if kind == "rule":
                place.setdefault(f"chain {body['chain']}", []).append(_rule(body))
            elif kind == "chain":
                place.setdefault(f"chain {body['name']}", []).insert(0, _head(kind, body))
            elif kind == "table":
                place["table"] = _head(kind, body)
            else:
                place[f"{kind} {body.get('name')}"] = _head(kind, body)
    return found


def _rule(body: Mapping[str, Any]) -> str:
    return json.dumps(_still({"expr": body.get("expr"), "comment": body.get("comment")}), sort_keys=True)


def _head(kind: str, body: Mapping[str, Any]) -> str:
    left_out = {"family", "table", "name", "handle"}
    kept = {name: value for name, value in body.items() if name not in left_out}
    if kind in ("set", "map") and "dynamic" in kept.get("flags", ()):
        kept.pop("elem", None)
    return json.dumps(_still(kept), sort_keys=True)


def _still(value: Any) -> Any:
    """Return the value without counters, handles, used quotas and the time that is left to an element."""
    if isinstance(value, Mapping):
        left_out = {"packets", "bytes", "handle", "used", "used_unit", "expires"}
        limit = "rate" in value  # in a limit, "bytes" is a setting
        return {name: _still(one) for name, one in value.items() if limit or name not in left_out}
    if isinstance(value, list):
        return [_still(one) for one in value]
    return value


# ------------------------------------------------------------------------------------------------------------- services
def redis(client: AsksRedis) -> dict[str, Any]:
    """Return all settings and all accounts of a Redis: CONFIG GET * and ACL LIST."""
    config, accounts = client.ask("CONFIG", "GET", "*"), client.ask("ACL", "LIST")
    if isinstance(config, Mapping):
        settings = {_text(name): _text(value) for name, value in config.items()}
    elif isinstance(config, list | tuple) and len(config) % 2 == 0:
        settings = dict(zip(map(_text, config[::2]), map(_text, config[1::2]), strict=True))
    else:
        raise Unmet("", found=_refused("CONFIG GET *", config))
    if not isinstance(accounts, list | tuple):
        raise Unmet("", found=_refused("ACL LIST", accounts))
    users = {}
    for line in accounts:
        words = _text(line).split()
        users[words[1] if len(words) > 1 else _text(line)] = " ".join(words[2:])
    return {"config": settings, "users": users}


def _refused(command: str, reply: Any) -> tuple[str, str]:
    return f"{command} was answered with: {_text(reply)[:80]}", f"{command} 的应答是：{_text(reply)[:80]}"


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def mariadb(client: AsksSql) -> dict[str, Any]:
    """Return all global variables and, for each account and role, how it logs in and its grants. MARIADB_EXCEPT has the
    variables that differ after each start."""
    variables = {_text(row[0]): _text(row[1]) for row in client.rows("SHOW GLOBAL VARIABLES")}
    accounts: dict[str, Any] = {}
    for row in client.rows("SELECT User, Host, Priv FROM mysql.global_priv ORDER BY User, Host"):
        user, host, login = _text(row[0]), _text(row[1]), _text(row[2])
        role = '"is_role":true' in login.replace(" ", "")
        name = quoted(user) if role else f"{quoted(user)}@{quoted(host)}"
        grants = client.rows(f"SHOW GRANTS FOR {name}")
        accounts[f"{user}@{host}"] = {"login": login, "grants": sorted(_text(one[0]) for one in grants)}
    return {"variables": variables, "accounts": accounts}


def quoted(text: str) -> str:
    """Return a text as an SQL literal.

    >>> quoted("o'x")
    "'o''x'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


# ---------------------------------------------------------------------------------------------------------------- files
_FILES = """
mark=$1; shift
for path; do
    find "$path" -exec sh -c 'mark=$1; shift; for f; do
        printf "%s%s" "$mark" "$(stat -c "%A %a %u %g" -- "$f") "
        if [ -L "$f" ]; then printf "%s" "$(readlink "$f") "
        elif [ -f "$f" ]; then printf "%s" "$(timeout 20 sha256sum < "$f" | cut -c 1-64) "
        else printf "%s" "- "; fi
        printf "%s%s" "$mark" "$f"
    done' sh "$mark" {} + 2>&-
done
true
"""


def files(box: Place, *paths: str) -> dict[str, Any]:
    """Return type, mode, owner and content (as a hash) of these files, and of everything in these folders. A link has
    its target in place of the content. A missing file is absent."""
    found: dict[str, Any] = dict.fromkeys(paths)
    parts = parts_of(box, _FILES, *paths, seconds=60)
    for about, path in zip(parts[::2], parts[1::2], strict=False):
        kind, mode, owner, group, content = (about.rstrip(" ").split(" ", 4) + [""] * 5)[:5]
        found[path] = f"{kind[:1]} mode {mode} owner {owner}:{group} content {content}"
    return found
