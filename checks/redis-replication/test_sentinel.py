"""The three Sentinels: whom they watch, and whether what they do when the master dies can work."""

import pytest
import redis_sentinel

BOXES = ("master", "replica1", "replica2")
FAILOVER_TIMEOUT = 10_000


@pytest.mark.task("sentinels")
def test_sentinels_watch_the_master(server, sentinel, every):
    """A Sentinel on every box watches the master, knows both replicas and the other two, and would be heard by them
    zh: 每台机器上都有一个 Sentinel 在监视主机，认识两台从机和另外两个 Sentinel，并且彼此能达成一致
    """
    sentinels = {name: sentinel(name) for name in BOXES}

    def young(view):
        master = server.master()
        return view.young or int(master.info().get("uptime_in_seconds", "0")) < 30

    def look(name):
        redis_sentinel.patiently(server.clock, young, sentinels[name].look, lambda view: view.judge(server, sentinels))

    every(BOXES, look)


@pytest.mark.task("sentinels")
def test_sentinels_start_at_boot(sentinel, every):
    """systemd runs the Sentinel on every box, and starts it at boot
    zh: 每台机器上的 Sentinel 都由 systemd 运行，并且开机自动启动
    """

    def look(name):
        own = sentinel(name)
        unit, enabled = own.unit()
        if not unit:
            raise own.unmet(
                ("a Sentinel that a service runs", "由服务运行的 Sentinel"),
                ("one that somebody started by hand", "它是有人手工启动的"),
                "systemctl status redis-sentinel",
                "sentinels",
            )
        if enabled != "enabled":
            raise own.unmet(
                (f"{unit} enabled, so that it starts at boot", f"{unit} 已启用（enabled），开机自动启动"),
                enabled or ("no such service", "没有这个服务"),
                f"systemctl is-enabled {unit}",
                "sentinels",
            )

    every(BOXES, look)


@pytest.mark.task("failover")
def test_sentinels_act_in_time(sentinel, every, params):
    """Every Sentinel takes the master for dead after your seconds, and tries again soon where a failover got stuck
    zh: 每个 Sentinel 都在你的秒数之后判定主机已死，故障转移卡住时也会很快重试
    """
    seconds = params["down_after"]

    def look(name):
        own = sentinel(name)
        told = own.watched(own.ask(("SENTINEL", "MASTER", own.service), inside=True)[0])
        if told.get("down-after-milliseconds") != str(seconds * 1000):
            raise own.unmet(
                (
                    f"down-after-milliseconds {seconds * 1000}, which is {seconds} seconds",
                    f"down-after-milliseconds {seconds * 1000}，即 {seconds} 秒",
                ),
                f"down-after-milliseconds {told.get('down-after-milliseconds')}",
                own.cli("master"),
                "failover",
            )
        if int(told.get("failover-timeout", "0")) > FAILOVER_TIMEOUT:
            raise own.unmet(
                (f"failover-timeout {FAILOVER_TIMEOUT} or less", f"failover-timeout 不超过 {FAILOVER_TIMEOUT}"),
                f"failover-timeout {told.get('failover-timeout')}",
                own.cli("master"),
                "failover",
            )

    every(BOXES, look)


@pytest.mark.task("failover")
def test_every_box_can_change_its_role(server, every, params):
    """Any replica may be promoted, and the master of now could follow it
    zh: 任何一台从机都可以被提升，现在的主机也能反过来跟随它
    """

    def look(name):
        redis = server(name)
        running = redis.config()
        if running.get("replica-priority") == "0":
            raise redis.unmet(
                (
                    "a replica-priority above 0, so that Sentinel may promote it",
                    "replica-priority 大于 0，Sentinel 才可以提升它",
                ),
                "replica-priority 0",
                redis.cli("config get replica-priority"),
                "failover",
            )
        # How replicas log in is judged by task replicas, by what they do.
        wanted = {"masteruser": params["repl_user"], "masterauth": params["repl_password"]}
        wrong = [setting for setting in wanted if running.get(setting) != wanted[setting]]
        if wrong and name == server.master().name:
            raise redis.unmet(
                (
                    "a master that knows how to log in, for the day when it comes back as a replica",
                    "主机也配好登录身份：将来它要以从机身份回来",
                ),
                ", ".join(f"{setting} {running.get(setting) or '(empty)'}" for setting in wrong),
                redis.cli("config get 'master*'"),
                "failover",
            )

    every(BOXES, look)
