"""Replication as it works: the links, what travels over them, who logs in; and which writes are refused."""

import secrets
import time

import pytest

BOXES = ("master", "replica1", "replica2")


def a_key():
    """One that nobody else has."""
    return f"labctl:probe:{secrets.token_hex(6)}"


@pytest.mark.task("replicas")
def test_replicas_are_linked(server, every):
    """Both replicas follow the master and the link is up
    zh: 两台从机都跟随主机，而且链路是通的
    """

    def look(name):
        redis = server(name)
        told = redis.follows()
        if told.get("master_link_status") == "up":
            return
        server.master().genuine()
        syncing = told.get("master_sync_in_progress") == "1"
        deadline = server.clock() + 8.0 if syncing else redis.deadline(server.master())
        while told.get("master_link_status") != "up" and server.clock() < deadline:
            time.sleep(0.1)
            told = redis.info_now()
        if told.get("master_link_status") == "up":
            return
        if told.get("master_sync_in_progress") == "1":
            raise redis.unmet(
                ("a replica that has caught up", "从机已经同步好"),
                (
                    "the first sync still goes on: verify again in a few seconds",
                    "首次同步还在进行：过几秒再验证一次",
                ),
                redis.cli("info replication"),
                "replication",
            )
        raise redis.unmet(
            "master_link_status:up",
            (
                "it knows its master, but the link is down; the log says why",
                "知道主机是谁，但链路不通；原因写在日志里",
            ),
            "tail /var/log/redis/redis-server.log",
            "errors",
        )

    every(server.replicas(), look)


@pytest.mark.task("replicas")
def test_what_the_master_learns_the_replicas_know(server, every):
    """A random key written on the master can be read on both replicas
    zh: 在主机上写入的随机键，两台从机都读得到
    """
    master = server.master()
    every(BOXES, lambda name: server(name).known("auth-ping"))
    every(server.replicas(), lambda name: server(name).follows())
    key, value = a_key(), secrets.token_hex(8)
    deadline = 0.0
    while str(answer := master.ask(("SET", key, value, "EX", "60"))[0]).startswith("NOREPLICAS"):
        deadline = deadline or master.deadline()
        if server.clock() > deadline:
            break
        time.sleep(0.1)
    if answer != "OK":
        raise master.unmet(
            ("OK, when somebody writes to the master", "往主机写入得到 OK"),
            answer,
            master.cli("set a 1"),
            "min-replicas",
        )

    def look(name):
        redis = server(name)
        deadline = 0.0
        while redis.ask(("GET", key))[0] != value:
            deadline = deadline or redis.deadline(master)
            if server.clock() > deadline:
                raise redis.unmet(
                    ("a key that was just written on the master", "读得到刚在主机上写入的键"),
                    ("it did not arrive", "没有传到这里"),
                    redis.cli("info replication"),
                    "errors",
                )
            time.sleep(0.02)

    try:
        every(server.replicas(), look)
    finally:
        master.ask(("DEL", key))


@pytest.mark.task("replicas")
def test_replicas_log_in_as_the_replication_user(server, every, record):
    """The master sees both replicas, logged in as the replication user
    zh: 在主机看来，两台从机都以复制用户的身份登录
    """
    master = server.master()
    every(BOXES, lambda name: server(name).known("auth-ping"))
    params = master.params
    user = params["repl_user"]

    def seen():
        clients = str(master.ask(("CLIENT", "LIST", "TYPE", "replica"))[0]).splitlines()
        found = [dict(pair.split("=", 1) for pair in client.split() if "=" in pair) for client in clients]
        return {client.get("addr", "").rpartition(":")[0]: client.get("user") for client in found}

    # Who isn't a replica of this master won't come.
    coming = {server(name).own for name in server.replicas() if server(name).info().get("role") == "slave"}
    deadline = 0.0
    while not coming <= set(found := seen()):
        deadline = deadline or master.deadline(*map(server, server.replicas()))
        if server.clock() > deadline:
            break
        time.sleep(0.1)

    def look(name):
        redis = server(name)
        written = redis.written().settings["masterauth"]
        if written and written != params["repl_password"]:
            record("repl_password", written)
        if redis.own not in found:
            raise redis.unmet(
                (f"a replica at {redis.own}, as the master sees it", f"在主机看来，{redis.own} 有一台从机"),
                ("none there", "没有"),
                "tail /var/log/redis/redis-server.log",
                "errors",
            )
        if found[redis.own] != user:
            raise redis.unmet(
                (f"a replica that logs in as {user}", f"从机以 {user} 的身份登录"),
                (f"it logs in as {found[redis.own]}", f"用的是 {found[redis.own]}"),
                redis.cli("config get 'master*'"),
                "rights",
            )

    every(server.replicas(), look)


@pytest.mark.task("read-only")
def test_replicas_refuse_writes(server, every):
    """A write on a replica is refused
    zh: 往从机上写会被拒绝
    """

    def look(name):
        redis = server(name)
        redis.follows()
        key = a_key()
        answer = redis.ask(("SET", key, "1", "EX", "60"))[0]
        if str(answer).startswith("READONLY"):
            return
        accepted = answer == "OK"
        if accepted:
            redis.ask(("DEL", key))
        raise redis.unmet(
            ("READONLY, when somebody writes to a replica", "往从机写入得到 READONLY"),
            (
                "it was accepted: on no other box, and gone with the next full sync",
                "被接受了：别处都没有，下次全量同步就没了",
            )
            if accepted
            else answer,
            redis.cli("config get replica-read-only"),
            "read-only",
        )

    every(server.replicas(), look)


@pytest.mark.task("min-replicas")
def test_minimum_of_replicas(server, every, params):
    """On every box a master would take writes only with a replica close behind
    zh: 每台机器当主机时，都要求至少有一台从机跟得上才接受写入
    """
    wanted = {"min-replicas-to-write": "1", "min-replicas-max-lag": str(params["max_lag"])}

    def look(name):
        redis = server(name)
        running = redis.config()
        wrong = [setting for setting in wanted if running.get(setting) != wanted[setting]]
        if wrong:
            raise redis.unmet(
                ", ".join(f"{setting} {wanted[setting]}" for setting in wrong),
                ", ".join(f"{setting} {running.get(setting)}" for setting in wrong),
                redis.cli("config get 'min-replicas-*'"),
                "min-replicas",
            )

    every(BOXES, look)


@pytest.mark.task("min-replicas")
def test_master_has_good_replicas(server):
    """The master counts at least one good replica, so it takes writes
    zh: 主机至少有一台合格的从机，因此接受写入
    """
    master = server.master()
    good, deadline = master.info().get("min_slaves_good_slaves"), 0.0
    while good == "0":
        deadline = deadline or master.deadline()
        if server.clock() > deadline:
            break
        time.sleep(0.1)
        good = master.info_now().get("min_slaves_good_slaves")
    if good in (None, "0"):
        raise master.unmet(
            ("at least one good replica (min_slaves_good_slaves)", "至少有一台合格的从机（min_slaves_good_slaves）"),
            ("the master counts none", "一台也没有")
            if good
            else ("the master doesn't count, as nothing asks it to", "主机没有统计，因为没有配置要求它统计"),
            master.cli("info replication"),
            "min-replicas",
        )
