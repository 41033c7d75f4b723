"""How systemd starts Redis on the three boxes, by the files that it reads, and where Redis listens."""

import pytest
import redis_disk

BOXES = ("master", "replica1", "replica2")

# Debian's unit says these itself; they are about the process, not about what Redis does.
PROCESS_OPTIONS = {"--supervised", "--daemonize", "--pidfile"}
HOOKS = ("ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")
PROGRAM = "/usr/bin/redis-server"
SEE_UNIT = "systemctl cat redis-server"


def no_strangers(redis):
    """Whoever listens where Redis would be, before and after the work, must be Redis."""
    redis.be_redis([socket for socket in redis.sockets() if socket.port in (redis.port, 6379)])


@pytest.mark.task("leftover")
def test_settings_come_from_the_configuration_file(server, every):
    """systemd starts Redis with its configuration file and nothing that overrides it
    zh: systemd 只带着配置文件启动 Redis，没有任何命令行参数覆盖配置
    """

    def look(name):
        redis = server(name)
        no_strangers(redis)
        disk = redis.disk()
        starts = redis_disk.commands(disk.unit, "ExecStart")
        words = starts[-1] if starts else [""]
        if len(starts) != 1 or words[0] != PROGRAM or not disk.has("same"):
            raise redis.unmet(
                (f"{PROGRAM} as it was installed, started by the service", f"由服务启动安装时的 {PROGRAM}"),
                (words[0] or "a service that starts nothing", words[0] or "服务什么也不启动"),
                SEE_UNIT,
                "leftover",
            )
        options = [word for word in words[1:] if word.startswith("--")]
        strong = ", ".join(option for option in options if option not in PROCESS_OPTIONS)
        if strong:
            raise redis.unmet(
                ("redis.conf alone, which decides how Redis is set", "只由 redis.conf 决定 Redis 的设置"),
                (
                    f"{strong} on the command line that systemd would use, which is stronger than any file",
                    f"systemd 启动它的命令行上带着 {strong}，比任何配置文件都强",
                ),
                SEE_UNIT,
                "settings",
            )
        if disk.has("newer"):
            raise redis.unmet(
                ("a systemd that knows its unit files as they are now", "systemd 已读取现在的单元文件"),
                ("unit files that changed after systemd last read them", "单元文件改过之后，systemd 还没有重新读取"),
                "systemctl status redis-server",
                "leftover",
            )

    every(BOXES, look)


@pytest.mark.task("leftover")
def test_nothing_else_runs_with_redis(server, every):
    """No script empties Redis' data directory when the service starts
    zh: 服务启动时，没有脚本去清空 Redis 的数据目录
    """

    def look(name):
        redis = server(name)
        no_strangers(redis)
        disk = redis.disk()
        hooks = [kind for kind in HOOKS if redis_disk.commands(disk.unit, kind)]
        if hooks:
            raise redis.unmet(
                ("nothing that runs with the service but Redis itself", "除了 Redis 本身，服务不运行任何别的命令"),
                (f"another command, at {', '.join(hooks)}", f"{'、'.join(hooks)} 里还有别的命令"),
                SEE_UNIT,
                "leftover",
            )
        if disk.has("script"):
            raise redis.unmet(
                ("nothing left that the next one stumbles over", "不留下任何会绊倒后来人的东西"),
                ("the former admin's script, which nobody calls any more", "前任的脚本还在，虽然已经没有谁调用它"),
                "ls -l /usr/local/sbin",
                "leftover",
            )

    every(BOXES, look)


@pytest.mark.task("listen")
def test_listens_where_it_should(server, every, record):
    """Redis listens on the box's own address and on 127.0.0.1, at your port, and nowhere else
    zh: Redis 只在本机地址和 127.0.0.1 上、在你的端口上监听，别处没有
    """

    def look(name):
        redis = server(name)
        written = redis.written().settings["port"]
        if written not in (str(redis.port), "6379"):
            record("redis_port", written)
        redis.genuine()
        here, wanted = {socket.address for socket in redis.here()}, {redis.own, "127.0.0.1"}
        if here != wanted:
            every_one = {"0.0.0.0", "::"} & here  # noqa: S104
            raise redis.unmet(
                (
                    f"port {redis.port} on {redis.own} and 127.0.0.1 only",
                    f"{redis.port} 端口只开在 {redis.own} 和 127.0.0.1 上",
                ),
                (
                    ", ".join(sorted(here)) + (", which means every address there is" if every_one else ""),
                    "、".join(sorted(here)) + ("，也就是所有地址" if every_one else ""),
                ),
                "ss -ltn",
                "listen",
            )
        if any(socket.port == 6379 for socket in redis.sockets()):
            raise redis.unmet(
                ("nobody on 6379, the port that Redis has by default", "6379（Redis 的默认端口）上没有程序监听"),
                ("somebody still listens there", "那里仍有程序在监听"),
                "ss -ltn",
                "listen",
            )

    every(BOXES, look)


@pytest.mark.task("listen")
def test_the_others_reach_it(server, every):
    """Each box's Redis answers a client on another machine
    zh: 每台机器的 Redis，别的机器上的客户端都能连上
    """

    def look(name):
        redis = server(name)
        # PONG, NOAUTH and DENIED are all answers of a Redis: who may do what is another task's matter.
        if not redis.strangers():
            raise redis.unmet(
                (
                    f"an answer to a client elsewhere that asks {redis.own} port {redis.port}",
                    f"别的机器连 {redis.own} 的 {redis.port} 端口时有应答",
                ),
                ("none", "没有应答"),
                "ss -ltn",
                "listen",
            )

    every(BOXES, look)


@pytest.mark.task("reboot")
def test_started_at_boot(server, every):
    """systemd runs Redis on every box, and starts it at boot
    zh: 每台机器上的 Redis 都由 systemd 运行，并且开机自动启动
    """

    def look(name):
        redis = server(name)
        redis.known("auth-ping")
        disk = redis.disk()
        if disk.text("enabled") != "enabled":
            raise redis.unmet(
                (
                    "redis-server.service enabled, so that it starts at boot",
                    "redis-server.service 已启用（enabled），开机自动启动",
                ),
                (disk.text("enabled") or "no such service", disk.text("enabled") or "没有这个服务"),
                "systemctl is-enabled redis-server",
                "reboot",
            )
        if disk.service() != redis_disk.SERVICE:
            raise redis.unmet(
                ("a Redis that redis-server.service runs", "由 redis-server.service 运行的 Redis"),
                (
                    f"one that runs beside it ({disk.service() or 'no service'}): somebody started it by hand",
                    f"它不在这个服务里（{disk.service() or '不属于任何服务'}）：是有人手工启动的",
                ),
                "systemctl status redis-server",
                "reboot",
            )

    every(BOXES, look)


@pytest.mark.task("reboot")
def test_what_runs_is_what_is_written(server, every, params):
    """What Redis would read at its next start is what it does now
    zh: Redis 下次启动会读到的配置，就是它现在的运行状态
    """

    def look(name):
        redis = server(name)
        running, users = redis.config(), redis.users()
        written = redis.written()
        where = written.read[0] if written.read else "redis.conf"
        for setting in redis_disk.DEFAULTS:
            now, then = running.get(setting), written.settings[setting]
            if now is not None and not redis_disk.same(setting, now, then):
                raise redis.unmet(
                    (
                        f"the {setting} of now in {where} as well: {now or '(empty)'}",
                        f"{where} 里的 {setting} 也和现在一样：{now or '（空）'}",
                    ),
                    (f"{then or '(empty)'}, so a restart would change it", f"{then or '（空）'}，一重启就变了"),
                    redis.cli(f"config get {setting}"),
                    "settings",
                )
        later = written.users()
        for user in ("default", params["repl_user"]):
            if users.get(user) != later.get(user):
                raise redis.unmet(
                    (f"the user {user} of now in {where} as well", f"{where} 里的用户 {user} 也和现在一样"),
                    (
                        "another password, other rights, or no such user after a restart",
                        "重启之后密码或权限会变，或者用户就没了",
                    ),
                    redis.cli("acl list"),
                    "settings",
                )

    every(BOXES, look)
