"""Read the firewall rules of a box from its kernel, and find the port numbers that they name.

Sources: libnftables-json(5) for ``nft -j``, iptables-save(8) for matches of xtables, which nft can't print as JSON, and
ip-rule(8), because a routing rule can name ports. Numbers that are no ports (marks, rates) are collected as well if
they are in the range of ports: they only cost a few more packets.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from labctl.kit.firewall.intervals import LAST
from labctl.kit.places import CheckedBox
from labctl.kit.processes import may_change_network


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NO_PORTS = _words("handle prio rate burst per packets bytes used timeout expires size gc-interval queue group snaplen")
"""Keys of the JSON whose values are no ports. The counters must be left out, because they change with each packet."""

_READABLE = _words(
    """accept drop continue return jump goto counter limit quota log reject snat dnat masquerade redirect notrack set
    map vmap match mangle comment last synproxy dup fwd secmark flow xt tproxy"""
) | {"ct count", "ct helper", "ct timeout"}
_UNREADABLE = _words("numgen jhash symhash osf queue bpf meter") | {"ct expectation"}
"""Statements and expressions whose decision depends on more than the ports and addresses of a packet."""

_XT_WITHOUT_PORTS = _words(
    "comment conntrack state limit hashlimit recent addrtype mark mac icmp LOG NFLOG REJECT MASQUERADE"
)
_XT = _XT_WITHOUT_PORTS | _words(
    """tcp udp udplite sctp dccp multiport connmark connlimit iprange icmp6 icmpv6 pkttype physdev helper length ttl hl
    tos dscp ecn esp ah owner tcpmss realm quota rpfilter socket cgroup devgroup nfacct time policy standard
    ACCEPT DROP RETURN ULOG DNAT SNAT REDIRECT NETMAP MARK CONNMARK CT NOTRACK TCPMSS TOS DSCP TTL HL TPROXY CLASSIFY
    AUDIT SYNPROXY TEE CHECKSUM RATEEST"""
)
"""Matches and targets of iptables-extensions(8) whose ports iptables-save prints, or that know no ports. nft prints
only their names."""

_XT_PORTS = re.compile(
    r"--(?:dport|dports|sport|sports|ports|destination-ports?|source-ports?|to-ports?|on-port|ctorigdstport|ctorigsrcport"
    r"|ctrepldstport|ctreplsrcport)\s+(\S+)|--to-(?:destination|source)\s+\S*?:([\d-]+)(?:\s|$)"
)
_XT_SOURCE = re.compile(r"--(?:sports?|source-ports?|ports|ctorigsrcport)\s+(\S+)")
_XT_MATCH = re.compile(r"(?:^|\s)-(?:m|j|g)\s+(\S+)")
_MARK = "=== labctl"

COMMAND = (
    f"nft -nj list ruleset; echo; echo '{_MARK}' $?; iptables-save; echo '{_MARK}' $?; ip6tables-save; "
    f"echo '{_MARK}' $?; ip rule; ip -6 rule 2>/dev/null; echo '{_MARK}' 0; "
    "cat /proc/1/net/ip_tables_names /proc/1/net/ip6_tables_names 2>/dev/null; :"
)
"""Prints all rules. The tables of the old xtables are only listed: the toolbox can't read them."""


class Rules(NamedTuple):
    """What the rules of a box name. ``ports`` and ``sources`` are the numbers compared with ports and with source
    ports. ``unreadable`` are the texts of rules that this module can't read. ``trusted``: the kernel answered a
    process that the learner can't change."""

    ports: frozenset[int] = frozenset()
    sources: frozenset[int] = frozenset()
    unreadable: tuple[str, ...] = ()
    trusted: bool = True


class RulesetError(RuntimeError):
    """The rules could not be read at all. labctl is at fault, and not the learner."""


def read(box: CheckedBox) -> Rules:
    """Return the rules of a box. A process outside of the box reads them if it has the right to. Otherwise a process in
    the box reads them with the toolbox, and the result is not trusted. A box without CAP_NET_ADMIN can have no rules.
    Raises RulesetError."""
    done = box.run(COMMAND)
    if _could(done.stdout):
        return parsed(done.stdout)
    allowed = may_change_network(box)
    if allowed is None:
        raise RulesetError(f"{box.name}: /proc/1/status has no CapBnd")
    if not allowed:
        return Rules()
    path = "PATH=/.labctl/bin; export PATH; "
    done = box.inside().run(path + COMMAND)
    if not _could(done.stdout):
        # Root in the box can break this command, and only root there can. The sweep of all ports needs no rules.
        return Rules(unreadable=("nft list ruleset failed",), trusted=False)
    return parsed(done.stdout)._replace(trusted=False)


def _could(printed: str) -> bool:
    return f"{_MARK} 0" in printed and '"nftables"' in printed.partition(_MARK)[0]


def parsed(printed: str) -> Rules:
    """Return the rules from the output of COMMAND."""
    parts = re.split(rf"^{_MARK} \d+$", printed, flags=re.MULTILINE)
    listed, saved, routing, old = parts[0], "\n".join(parts[1:3]), parts[3], parts[4]
    # iptables-save leaves out a table with rules that only nft understands. The ports of its matches are nowhere then.
    found = of_nft(json.loads(listed), saved="is incompatible" not in saved)
    xt = of_iptables(saved)
    numbers = {int(number) for number in re.findall(r"\b(?:sport|dport) (\d+)", routing.replace("-", " sport "))}
    legacy = tuple(f"a table of iptables-legacy: {name}" for name in dict.fromkeys(old.split()))
    return Rules(
        found.ports | xt.ports | numbers,
        found.sources | xt.sources | (numbers if "sport" in routing else set()),
        (*found.unreadable, *xt.unreadable, *legacy),
    )


def of_nft(listed: dict[str, Any], *, saved: bool = True) -> Rules:
    """Return the rules of libnftables-json(5). ``saved``: iptables-save prints the matches of xtables in them."""
    ports: set[int] = set()
    sources: set[int] = set()
    unreadable: list[str] = []
    all_sources = False
    for item in listed.get("nftables", []):
        kind, body = next(iter(item.items()))
        if kind == "metainfo":
            continue
        if kind == "ct expectation":
            unreadable.append(json.dumps(item))
        if kind != "rule":
            ports |= set(_numbers(body.get("elem", []) if isinstance(body, dict) else []))
            continue
        for statement in body.get("expr", []):
            ports |= set(_numbers(statement))
            if _names_source(statement):
                sources |= set(_numbers(statement))
                all_sources = all_sources or '"@' in json.dumps(statement)
            if not _readable(statement, saved=saved):
                unreadable.append(f"{body.get('table')} {body.get('chain')}: {json.dumps(statement)}"[:200])
    return Rules(frozenset(ports), frozenset(ports if all_sources else sources), tuple(unreadable))


def _numbers(node: Any) -> Iterator[int]:
    """Yield all numbers that can be ports."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "match" and (masked := _masked(value)):
                yield from masked
            if key == "prefix" and isinstance(value, dict) and isinstance(value.get("addr"), int):
                # A range of ports, written as a prefix of 16 bits.
                bits = 16 - int(value.get("len", 16))
                yield from (value["addr"], min(LAST, value["addr"] + (1 << max(0, bits)) - 1))
            elif key not in _NO_PORTS:
                yield from _numbers(value)
    elif isinstance(node, list):
        for value in node:
            yield from _numbers(value)
    elif isinstance(node, int) and not isinstance(node, bool):
        if 0 <= node <= LAST:
            yield node
    elif isinstance(node, str) and node.isdecimal() and int(node) <= LAST:
        yield int(node)


def _masked(match: dict[str, Any]) -> tuple[int, int] | None:
    """The range of a match such as ``tcp dport & 0xf000 == 0x2000``, or nothing. nft writes a prefix so."""
    both, value = match.get("left"), match.get("right")
    both = both.get("&") if isinstance(both, dict) else None
    if not (isinstance(both, list) and len(both) == 2 and isinstance(both[1], int) and isinstance(value, int)):
        return None
    rest = ~both[1] & LAST
    if rest & (rest + 1) or not isinstance(both[0], dict) or "payload" not in both[0]:
        return None  # the mask is not a prefix
    return value & LAST, (value | rest) & LAST


def _names_source(node: Any) -> bool:
    if isinstance(node, dict):
        return node.get("field") == "sport" or node.get("key") == "proto-src" or any(map(_names_source, node.values()))
    return isinstance(node, list) and any(map(_names_source, node))


def _readable(statement: Any, *, saved: bool) -> bool:
    if isinstance(statement, str):
        return statement in _READABLE
    if not isinstance(statement, dict) or not statement or not set(statement) <= _READABLE:
        return False
    if "xt" in statement:
        name = str((statement["xt"] or {}).get("name", ""))
        return name in (_XT if saved else _XT_WITHOUT_PORTS)
    if "match" in statement and _masked(statement["match"]):
        return True
    return _plain(statement)


def _plain(node: Any) -> bool:
    """Whether an expression compares whole fields. A raw part of a packet, and arithmetic with a port, are not."""
    if isinstance(node, list):
        return all(map(_plain, node))
    if not isinstance(node, dict):
        return True
    if set(node) & _UNREADABLE:
        return False
    payload = node.get("payload")
    if isinstance(payload, dict) and "base" in payload:
        return False
    for operator in ("&", "|", "^", "<<", ">>"):
        if operator in node and _has_port(node[operator]):
            return False
    return all(map(_plain, node.values()))


def _has_port(node: Any) -> bool:
    if isinstance(node, dict):
        return node.get("field") in ("sport", "dport") or any(map(_has_port, node.values()))
    return isinstance(node, list) and any(map(_has_port, node))


def of_iptables(saved: str) -> Rules:
    """Return the rules of iptables-save(8)."""
    ports: set[int] = set()
    sources: set[int] = set()
    unreadable: list[str] = []
    chains = {line.split()[0][1:] for line in saved.splitlines() if line.startswith(":")}
    for line in saved.splitlines():
        if not line.startswith("-A "):
            continue
        bare = _without_comment(line)
        for several, single in _XT_PORTS.findall(bare):
            ports |= {int(number) for number in re.findall(r"\d+", several or single) if int(number) <= LAST}
        for several in _XT_SOURCE.findall(bare):
            sources |= {int(number) for number in re.findall(r"\d+", several) if int(number) <= LAST}
        if not set(_XT_MATCH.findall(bare)) <= _XT | chains:
            unreadable.append(line)
    return Rules(frozenset(ports), frozenset(sources), tuple(unreadable))


def _without_comment(line: str) -> str:
    """The rule without its texts, which could contain the words of other options."""
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    texts = ("--comment", "--log-prefix", "--nflog-prefix", "--string", "--name")
    kept = [word for at, word in enumerate(words) if not (at and words[at - 1] in texts)]
    return " ".join(kept)
