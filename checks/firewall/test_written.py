"""What the router writes down."""

import json
import re
import time

import pytest


def logged(traffic, word, who):
    """(source, its port, destination port) of the last packets from there in the router's log with that word."""
    command = "grep -rhF -e %s /var/log/ulog | grep -F -e %s | tail -n 1000"
    return {packet(line) for line in traffic.box("router").run(command, word, who).stdout.splitlines()}


def words(traffic, who):
    """(word, number) of the prefixes in use there."""
    told = traffic.box("router").run("grep -rhF -e %s /var/log/ulog | tail -n 100", who).stdout
    return re.findall(r"\b([A-Z]{4,5})-(\d{3})\b", told)


def packet(line):
    """The packet of a line, as LOGEMU and as JSON write it."""
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except ValueError:
            return "", "", ""
        return tuple(str(fields.get(name, "")) for name in ("src_ip", "src_port", "dest_port"))
    return tuple(
        found[1] if (found := re.search(rf"\b{name}=([0-9.]+)", line)) else "" for name in ("SRC", "SPT", "DPT")
    )


def within(clock, seconds, look):
    """Look again and again until nothing is unmet any more; what still is when the time is over is raised."""
    deadline = clock() + seconds
    while True:
        try:
            return look()
        except AssertionError:
            if clock() > deadline:
                raise
        time.sleep(0.1)


@pytest.mark.task("log")
def test_dropped_packets_are_logged(traffic, params, record):
    """Packets from outside that were dropped are in the log, and those that were let in are not
    zh: 被丢弃的外网来包都在日志里，放行的包不在
    """
    word = f"{params['log_word']}-{params['log_number']}"
    who = traffic.who()["out"]
    traffic.sweep()
    for key, what in (
        ("router-chance", ("the router itself", "路由器自己")),
        ("inn-chance", ("a machine inside", "内网机器")),
    ):
        port = traffic.knock("out", key).port
        traffic.turned_away("out", key, (f"a packet from outside to {what[0]}", f"外网发往{what[1]}的包"), "log")

        def written(port=port, what=what):
            if (who, str(port)) not in {(source, target) for source, _, target in logged(traffic, word, who)}:
                raise traffic.unmet(
                    "router",
                    (
                        f"a line with {word} in /var/log/ulog, for the packet from {who} to port {port} of {what[0]}",
                        f"/var/log/ulog 里有一行 {word}，记的是 {who} 发往{what[1]} {port} 端口的包",
                    ),
                    ("none", "没有"),
                    "tail /var/log/ulog/*",
                    "log",
                )

        try:
            within(traffic.clock, 5, written)
        except AssertionError:
            for other, number in words(traffic, who)[-1:]:
                record("log_word", other)
                record("log_number", number)
            raise
    visit = traffic.published()
    if visit.body and any((source, port) == (who, visit.port) for source, port, _ in logged(traffic, word, who)):
        raise traffic.unmet(
            "router",
            (f"no line with {word} for a visitor of the site who was let in", f"放行的网站访问者没有 {word} 日志"),
            ("there is one", "却有一行"),
            "tail /var/log/ulog/*",
            "log",
        )
