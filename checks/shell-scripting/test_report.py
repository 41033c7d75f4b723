"""log-report: an access log, summed up."""

import random
import secrets
from collections import defaultdict

import pytest
from copy_of_box import Node

PATH = "/usr/local/bin/log-report"
AGENTS = ("curl/7.88.1", "Mozilla/5.0 (X11; Linux x86_64) 404 500 1", "-", "check 5 403 12 of 9")
REQUESTS = (
    "GET / HTTP/1.1",
    "GET /a b/c d.html HTTP/1.1",
    "POST /search?q=404 503 7 HTTP/1.1",
    "-",
    "GET /报表 502 HTTP/2.0",
)
SAMPLE = (
    'printf \'%s - - [05/Jan/2026:10:00:00 +0000] "GET /a b HTTP/1.1" %s 3000000000 "-" "x"\\n\''
    " 10.0.0.1 404 10.0.0.1 503 10.0.0.1 404 10.0.0.1 503 > /tmp/sample.log; log-report /tmp/sample.log"
)


def a_log(chance, family, top):
    """Lines of a log; and of the requests of that family, count and bytes by client. Some clients are level, and the
    last place is one of theirs."""
    clients = [f"10.{chance.randrange(256)}.{chance.randrange(256)}.{host}" for host in (9, 10, 100, 21)]
    clients += [f"2001:db8::{chance.randrange(4096):x}:{host}" for host in range(1, top + 2)]
    counts = [chance.randrange(20, 60) for _ in range(top - 2)]
    counts += [chance.choice((12, 15))] * 4
    counts += [chance.randrange(1, 9) for _ in range(len(clients) - len(counts))]
    chance.shuffle(clients)
    lines, seen = [], defaultdict(lambda: [0, 0])
    others = [code for code in ("200", "304", "404", "403", "500", "503") if code[0] != family]
    for client, count in zip(clients, counts, strict=False):
        for at in range(count):
            code = f"{family}{chance.choice(('00', '03', '04', '10'))}"
            size = chance.choice((0, 5, 999, 1_234_567, 3_000_000_000)) if at else 2_500_000_000
            seen[client][0] += 1
            seen[client][1] += size
            lines.append(a_line(chance, client, code, size))
        lines += [a_line(chance, client, chance.choice(others), 700) for _ in range(chance.randrange(30))]
    lines += [a_line(chance, clients[0], chance.choice(others), 5) for _ in range(80)]
    chance.shuffle(lines)
    lines.insert(len(lines) // 2, "")
    return lines, seen


def a_line(chance, client, code, size):
    stamp = f"{chance.randrange(1, 29):02}/Jan/2026:{chance.randrange(24):02}:00:{chance.randrange(60):02} +0000"
    user, request, agent = chance.choice(("-", "wei")), chance.choice(REQUESTS), chance.choice(AGENTS)
    size = "-" if size == 0 else size
    return f'{client} - {user} [{stamp}] "{request}" {code} {size} "http://x/ {chance.choice(("a", "b c"))}" "{agent}"'


def expected_report(seen, top):
    ranked = sorted(seen.items(), key=lambda item: (-item[1][0], item[0].encode()))
    lines = [f"{count}\t{client}\t{size}" for client, (count, size) in ranked[:top]]
    total = [sum(values[at] for values in seen.values()) for at in (0, 1)]
    return "".join(f"{line}\n" for line in [*lines, f"total\t{total[0]}\t{total[1]}"])


@pytest.mark.task("report")
@pytest.mark.copy
def test_the_report_is_right(script, params):
    """The report names the right clients with the right sums, in the right order, for any log
    zh: 不管什么日志，报表里的客户端、合计和顺序都对
    """
    report = script(PATH, "report")
    inputs = report.inputs()
    chance, top = random.Random(secrets.token_bytes(16)), params["top_n"]  # noqa: S311
    lines, seen = a_log(chance, params["status_class"][0], top)
    name = f"access {secrets.token_hex(3)}.log"
    inputs.put("", {name: Node("\n".join(lines).encode()), "empty.log": Node()})
    full = inputs.run(PATH, f"{inputs.top}/{name}", user="nobody")
    empty = inputs.run(PATH, "empty.log", user="nobody")
    none = inputs.run(PATH, f"{inputs.top}/no such.log", user="nobody")
    inputs.go()

    report.ends(full, 0, ("for a log", "日志可读时"), SAMPLE, "kernel")
    report.prints(full, expected_report(seen, top), ("in the report", "报表中"), SAMPLE)
    report.ends(empty, 0, ("for an empty log", "日志为空时"), "log-report /dev/null")
    report.prints(empty, "total\t0\t0\n", ("for an empty log", "日志为空时"), "log-report /dev/null | cat -A")
    when = ("for a log that isn't there", "日志不存在时")
    report.ends(none, None, when, "log-report /no/such; echo $?", "status")
    report.quiet(none, when, "log-report /no/such 2>/dev/null", "status")
