"""The access log: what a line says, and whether somebody cares for its growth."""

import datetime
import json
import re
import shlex
import time

import pytest

# What makes a log no JSON any more, where its values aren't escaped.
AGENT = 'labctl/{token} "quoted" \\back 你好'
NUMBERS = {"status": (int,), "bytes": (int,), "seconds": (int, float)}


def lines_with(board, *words, path=""):
    """The log's lines that have one of these words, as soon as each was found, or after two seconds."""
    pattern, deadline = "|".join(words), board.clock() + 2
    while True:
        command = f"tail -c 200000 {shlex.quote(path or board.log)} 2>/dev/null | grep -E {shlex.quote(pattern)}"
        found = board.web.run(command).stdout.splitlines()
        if all(any(word in line for line in found) for word in words) or board.clock() > deadline:
            return found
        time.sleep(0.05)


def wrong_with(board, line, path, reply):
    """What is wrong with that line of the log: a pair in both languages; none where nothing is."""
    try:
        told = json.loads(line)
    except ValueError:
        return (f"no JSON: {line[:90]}", f"不是 JSON：{line[:90]}")
    if not isinstance(told, dict):
        return (f"no object: {line[:90]}", f"不是对象：{line[:90]}")
    key = board.params["log_key"]
    texts = {"host": board.name, "method": "GET", "uri": path, "agent": AGENT.format(token=board.token)}
    texts |= {key: reply.headers.get("x-request-id", "")}
    wanted = {**texts, "status": reply.status}
    for name in ("time", "client", *wanted, *NUMBERS):
        if name not in told:
            return (f"no {name}", f"没有 {name}")
    for name, kind in NUMBERS.items():
        if isinstance(told[name], bool) or not isinstance(told[name], kind):
            value = json.dumps(told[name])
            return (f"{name}: {value}, which is no number", f"{name}: {value}，不是数字")
    for name, value in wanted.items():
        if told[name] != value:
            return (f"{name}: {told[name]}", f"{name}: {told[name]}")
    try:
        moment = datetime.datetime.fromisoformat(str(told["time"]))
        late = abs((datetime.datetime.now(datetime.UTC) - moment).total_seconds()) > 120
    except (ValueError, TypeError):  # no date, or one that says no zone
        late = True
    if late:
        return (f"time: {told['time']}", f"time: {told['time']}")
    if not str(told["client"]).startswith("10.10.30."):
        return (f"client: {told['client']}", f"client: {told['client']}")
    return None


@pytest.mark.task("log")
def test_a_line_of_json_for_each_request(board):
    """Each request is one JSON object in the log, and its identification goes to the visitor
    zh: 每个请求在日志里是一个 JSON 对象，其编号也发给访客
    """
    paths = [f"{path}?labctl={board.token}{at}" for at, path in enumerate(("/", "/assets/board.css", "/api/nothing"))]
    agent = "User-Agent: " + AGENT.format(token=board.token)
    replies = board.ask(*(board.get(path, agent) for path in paths))
    for path, reply in zip(paths, replies, strict=True):
        bare = path.partition("?")[0]
        sent = reply.headers.get("x-request-id", "")
        if not re.fullmatch(r"[0-9a-f]{32}", sent):
            raise board.unmet(
                (f"X-Request-Id in the answer to {bare}", f"{bare} 的应答带 X-Request-Id"),
                sent or ("no such header", "没有这个头"),
                board.curl(bare, "-I"),
                "log",
            )
    words = [path.partition("?")[2] for path in paths]
    found = lines_with(board, *words)
    for path, word, reply in zip(paths, words, replies, strict=True):
        mine = [line for line in found if word in line]
        wrong = wrong_with(board, mine[0], path, reply) if len(mine) == 1 else None
        if len(mine) != 1:
            wrong = (f"{len(mine)} lines for one request", f"一个请求有 {len(mine)} 行")
        if wrong:
            raise board.unmet(
                (
                    f"one line in {board.log} for each request: a JSON object with all keys of the brief",
                    f"{board.log} 里每个请求一行：一个 JSON 对象，键和说明里一样",
                ),
                wrong,
                f"tail -n 3 {board.log}",
                "log",
            )


@pytest.mark.task("rotate")
def test_somebody_rotates_it_every_day(board):
    """logrotate is started every day
    zh: 每天都会启动 logrotate
    """
    state = board.web.run("systemctl --root=/ is-enabled logrotate.timer 2>&1").stdout.strip()
    if state != "enabled":
        raise board.unmet(
            ("logrotate.timer enabled, so that it runs every day", "logrotate.timer 已启用（enabled），每天运行"),
            state[:80] or ("no such timer", "没有这个定时器"),
            "systemctl list-timers --all",
            "rotate",
        )
    if board.web.run("[ -s %s ]", board.log).rc != 0:
        raise board.unmet(
            (f"a log to rotate: {board.log}", f"有日志可轮转：{board.log}"),
            ("no such file, or an empty one (task log)", "没有这个文件，或者是空的（任务 log）"),
            f"ls -l {board.log}",
            "log",
        )
