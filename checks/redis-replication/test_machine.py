"""What surrounds Redis on the three boxes: how systemd starts it, and where it listens."""

import re
import shlex

import pytest

BOXES = ("master", "replica1", "replica2")

# Debian's unit says these itself; they are about the process, not about what Redis does.
PROCESS_OPTIONS = {"--supervised", "--daemonize", "--pidfile"}

# How timeout ends a command that takes too long: coreutils' way, busybox' way.
TIMED_OUT = (124, 143)

HOOKS = ("ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")
SCRIPT = "/usr/local/sbin/redis-free-disk"


def say(*, en, zh):
    return f"{en}\n[zh] {zh}"


class UnmetError(AssertionError):
    """What is not as the task wants it on one box, in both languages."""

    def __init__(self, box, *, en, zh):
        super().__init__(say(en=f"{box}: {en}", zh=f"{box}：{zh}"))
        self.box, self.en, self.zh = box, en, zh


def grouped(unmet):
    """One fault that tells all of them: boxes with the same fault in one line."""
    together = {}
    for fault in unmet:
        together.setdefault((fault.en, fault.zh), []).append(fault.box)
    lines = [(", ".join(boxes), "、".join(boxes), en, zh) for (en, zh), boxes in together.items()]
    return AssertionError(
        say(
            en="\n".join(f"{boxes}: {en}" for boxes, _, en, _ in lines),
            zh="\n".join(f"{boxes}：{zh}" for _, boxes, _, zh in lines),
        )
    )


def on_every_box(look):
    """Look at each box in turn, and tell of all of them what is not right."""
    unmet = []
    for name in BOXES:
        try:
            look(name)
        except UnmetError as fault:
            unmet.append(fault)
    if unmet:
        raise grouped(unmet)


def commands(host, kind):
    """The commands that systemd runs for the service, such as its ExecStart, each as a list of words."""
    shown = host.run("systemctl show redis-server.service -p %s --value", kind).stdout
    found = []
    for words in re.findall(r"argv\[\]=(.*?) ; ignore_errors=", shown):
        try:
            found.append(shlex.split(words))
        except ValueError:
            found.append(words.split())
    return found


def needs_reload(host):
    shown = host.run("systemctl show redis-server.service -p NeedDaemonReload --value").stdout
    return shown.strip() == "yes"


@pytest.mark.task("leftover")
def test_settings_come_from_the_configuration_file(box):
    """systemd starts Redis with its configuration file and nothing that overrides it
    zh: systemd 只带着配置文件启动 Redis，没有任何命令行参数覆盖配置
    """

    def look(name):
        host = box(name)
        options = [word for words in commands(host, "ExecStart") for word in words[1:] if word.startswith("--")]
        strong = [option for option in options if option not in PROCESS_OPTIONS]
        if not strong:
            return
        told = ", ".join(strong)
        if needs_reload(host):
            raise UnmetError(
                name,
                en=f"the unit files changed, but systemd still knows the old ones, with {told}. "
                "Type `systemctl daemon-reload`.",
                zh=f"单元文件已经改了，但 systemd 记住的仍是旧的，还带着 {told}。请执行 `systemctl daemon-reload`。",
            )
        raise UnmetError(
            name,
            en=f"systemd starts redis-server with {told} on the command line, which is stronger than any line in "
            "redis.conf. See which file says so: `systemctl cat redis-server`.",
            zh=f"systemd 启动 redis-server 时在命令行上带了 {told}，它们比 redis.conf 里的任何一行都强。"
            "是哪个文件写的，用 `systemctl cat redis-server` 查看。",
        )

    on_every_box(look)


@pytest.mark.task("leftover")
def test_nothing_else_runs_with_redis(box):
    """No script empties Redis' data directory when the service starts
    zh: 服务启动时，没有脚本去清空 Redis 的数据目录
    """

    def look(name):
        host = box(name)
        for kind in HOOKS:
            for words in commands(host, kind):
                line = " ".join(words)
                if SCRIPT in line or "/var/lib/redis" in line:
                    raise UnmetError(
                        name,
                        en=f"{kind} runs `{line}`, and with it go the data that Redis wrote. "
                        "Read it (`systemctl cat redis-server`, `journalctl -u redis-server`), remove it, "
                        "and `systemctl daemon-reload`.",
                        zh=f"{kind} 会执行 `{line}`，Redis 写下的数据就此丢失。先看清楚"
                        "（`systemctl cat redis-server`、`journalctl -u redis-server`），再删掉，"
                        "然后执行 `systemctl daemon-reload`。",
                    )
        if host.run("test -e %s", SCRIPT).rc == 0:
            raise UnmetError(
                name,
                en=f"nothing calls {SCRIPT} any more, but it still lies there for the next one to find. Delete it.",
                zh=f"已经没有谁调用 {SCRIPT} 了，但文件还在，迟早又会有人用上它。请删除。",
            )

    on_every_box(look)


@pytest.mark.task("listen")
def test_listens_where_it_should(box, params):
    """Redis listens on the box's own address and on 127.0.0.1, at your port, and nowhere else
    zh: Redis 只在本机地址和 127.0.0.1 上、在你的端口上监听，别处没有
    """
    port = str(params["redis_port"])

    def look(name):
        own = params[f"{name}_address"]
        listening = [line.split()[3] for line in box(name).run("ss -Hltn").stdout.splitlines() if len(line.split()) > 3]
        pairs = [socket.rpartition(":") for socket in listening]
        here = {address for address, _, at in pairs if at == port}
        see = "`ss -ltn`"
        if not here:
            raise UnmetError(
                name,
                en=f"nothing listens on port {port}. See {see}, `systemctl status redis-server` and "
                "`bind` and `port` in /etc/redis/redis.conf.",
                zh=f"{port} 端口上没有任何程序在监听。请看 {see}、`systemctl status redis-server`，"
                "以及 /etc/redis/redis.conf 里的 `bind` 和 `port`。",
            )
        extra = here - {own, "127.0.0.1"}
        if extra:
            raise UnmetError(
                name,
                en=f"port {port} is open on {', '.join(sorted(extra))} too; only {own} and 127.0.0.1 were asked for "
                f"(0.0.0.0, * and [::] mean every address there is). See {see} and `bind`.",
                zh=f"{port} 端口还开在 {', '.join(sorted(extra))} 上；要求的只有 {own} 和 127.0.0.1"
                f"（0.0.0.0、* 和 [::] 表示所有地址）。请看 {see} 和 `bind`。",
            )
        missing = {own, "127.0.0.1"} - here
        if missing:
            raise UnmetError(
                name,
                en=f"port {port} is open on {', '.join(sorted(here))}, but not on {', '.join(sorted(missing))}. "
                f"See {see} and `bind`.",
                zh=f"{port} 端口开在 {', '.join(sorted(here))} 上，却没有开在 {', '.join(sorted(missing))} 上。"
                f"请看 {see} 和 `bind`。",
            )
        if any(at == "6379" for _, _, at in pairs):
            raise UnmetError(
                name,
                en="something still listens on 6379, the port that Redis has by default. See `ss -ltnp`.",
                zh="仍有程序在监听 6379（Redis 的默认端口）。请看 `ss -ltnp`。",
            )

    on_every_box(look)


@pytest.mark.task("listen")
def test_the_others_reach_it(box, params):
    """Each box's Redis answers the other two boxes
    zh: 每台机器的 Redis，另外两台都能连上
    """
    port = str(params["redis_port"])

    def look(name):
        address = params[f"{name}_address"]
        for other in BOXES:
            if other == name:
                continue
            asked = box(other).run("timeout 5 redis-cli -h %s -p %s ping", address, port)
            if asked.rc in (126, 127):
                raise RuntimeError(f"redis-cli could not run: {asked.stderr}")
            # PONG, NOAUTH and DENIED are all answers of a Redis: who may do what is another task's matter.
            if not asked.stdout.strip():
                late = asked.rc in TIMED_OUT
                why = ("no answer within 5 seconds", "5 秒内没有应答") if late else (asked.stderr.strip(),) * 2
                raise UnmetError(
                    name,
                    en=f"{other} gets no answer from {address} port {port}: {why[0]}. "
                    f"Try it on {other}: `redis-cli -h {name} -p {port} ping`.",
                    zh=f"{other} 连不上 {address} 的 {port} 端口：{why[1]}。"
                    f"可以在 {other} 上自己试：`redis-cli -h {name} -p {port} ping`。",
                )

    on_every_box(look)
