"""Divide the numbers 0 to 65535 into intervals that rules can't tell apart, and choose one port from each.

A rule compares a port with numbers: equal, less, in a range, in a set. So two ports without a named number between them
are treated alike, and one port of each interval stands for all. This module does no I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from itertools import pairwise

LAST = 65535
EPHEMERAL = range(32768, 61000)
"""The ports from which Linux chooses the local port of a connection by default (ip_local_port_range, ip(7))."""

Span = tuple[int, int]
"""The first and the last number of an interval."""


def partition(numbers: Iterable[int]) -> list[Span]:
    """Return intervals that cover 1 to 65535. Each named number is an interval of its own, so that the ends of ranges
    and the comparisons ``<`` and ``>=`` are covered, too. Port 0 is no port of a service.

    >>> partition([22])
    [(1, 21), (22, 22), (23, 65535)]
    """
    cuts = {1, LAST + 1}
    for number in numbers:
        cuts |= {cut for cut in (number, number + 1) if 1 < cut <= LAST}
    return [(first, following - 1) for first, following in pairwise(sorted(cuts))]


def chosen(numbers: Iterable[int], avoid: Collection[int] = ()) -> list[int]:
    """Return one port from each interval of ``partition``. The choice is a hash of all numbers and the interval: the
    same rules always get the same ports, and any rule about a chosen port changes the choice, because it names that
    port. Ports in ``avoid`` (listeners, which are tested anyway) and ephemeral ports are chosen last, because a program
    may use them at the moment."""
    named = sorted(set(numbers))
    return [_one(span, named, frozenset(avoid)) for span in partition(named)]


def _one(span: Span, named: list[int], avoid: frozenset[int]) -> int:
    first, last = span
    size = last - first + 1
    start = int.from_bytes(hashlib.sha256(f"{named} {span}".encode()).digest()[:8], "big") % size
    best = first + start
    for step in range(size):
        port = first + (start + step) % size
        if port not in avoid and port not in EPHEMERAL:
            return port
        if best in avoid and port not in avoid:
            best = port
    return best


def spans(ports: Iterable[int], tested: Iterable[int], intervals: Iterable[Span]) -> list[Span]:
    """Return the intervals of these ports, with neighbours merged. ``tested`` are all tested ports. A port that was
    tested beside the chosen one of its interval stands only for itself if their results differ.

    >>> spans([22, 5000], [10, 22, 5000], partition([22]))
    [(22, 65535)]
    """
    found, known = set(ports), sorted(set(tested))
    covered: list[Span] = []
    at = 0
    for first, last in intervals:
        inside: list[int] = []
        while at < len(known) and known[at] <= last:
            if known[at] >= first:
                inside.append(known[at])
            at += 1
        if inside and found.issuperset(inside):
            covered.append((first, last))
        else:
            covered += [(port, port) for port in inside if port in found]
    return merged(covered)


def merged(intervals: Iterable[Span]) -> list[Span]:
    """Return the intervals in order, with neighbours and overlaps merged.

    >>> merged([(5, 9), (1, 2), (3, 4)])
    [(1, 9)]
    """
    done: list[Span] = []
    for first, last in sorted(intervals):
        if done and first <= done[-1][1] + 1:
            done[-1] = (done[-1][0], max(last, done[-1][1]))
        else:
            done.append((first, last))
    return done
