"""What Redis keeps: on disk, and in memory."""

import re

import pytest

BOXES = ("master", "replica1", "replica2")


@pytest.mark.task("aof")
def test_append_only_file(server, every):
    """Every box keeps an append-only file and syncs it every second
    zh: 每台机器都在写 AOF，并且每秒同步一次
    """

    def look(name):
        redis = server(name)
        told, running = redis.info(), redis.config()
        if told.get("aof_enabled") != "1":
            raise redis.unmet(
                ("an append-only file (aof_enabled:1)", "AOF 已开启（aof_enabled:1）"),
                f"aof_enabled:{told.get('aof_enabled')}",
                redis.cli("info persistence"),
                "settings" if "appendonly yes" in str(redis.disk().configs.values()) else "copy",
            )
        if running.get("appendfsync") != "everysec":
            raise redis.unmet(
                "appendfsync everysec",
                f"appendfsync {running.get('appendfsync')}",
                redis.cli("config get appendfsync"),
                "aof",
            )
        for state in ("aof_last_write_status", "aof_last_bgrewrite_status"):
            if told.get(state) != "ok":
                raise redis.unmet(
                    f"{state}:ok", f"{state}:{told.get(state)}", "tail /var/log/redis/redis-server.log", "errors"
                )
        manifest = "{dir}/{appenddirname}/{appendfilename}.manifest".format(**running)
        # With every link followed: /var/lib/redis may lead anywhere.
        found = redis.host.run("[ -s %s ] && readlink -f %s", manifest, manifest).stdout.strip()
        if not found or re.match(r"/(run|tmp|dev|var/tmp)/", found):
            raise redis.unmet(
                (
                    f"{manifest}, in a place that outlives a reboot",
                    f"{manifest}，而且在重启之后还在的目录里",
                ),
                found or ("no such file, or an empty one", "没有这个文件，或者是空的"),
                redis.cli("config get dir"),
                "aof",
            )

    every(BOXES, look)


@pytest.mark.task("memory")
def test_memory_limit_and_policy(server, every, params):
    """Every box has your memory limit and your eviction policy
    zh: 每台机器都有你的内存上限和淘汰策略
    """
    size = params["maxmemory_mb"]

    def look(name):
        redis = server(name)
        running = redis.config()
        found = int(running.get("maxmemory") or 0)
        if found != size * 1024 * 1024:
            million = found == size * 1000 * 1000
            raise redis.unmet(
                (
                    f"{size} MiB for data: {size * 1024 * 1024} bytes",
                    f"数据上限 {size} MiB，即 {size * 1024 * 1024} 字节",
                ),
                (
                    f"{found} bytes" + (", as a unit was meant in which a megabyte is a million" if million else ""),
                    f"{found} 字节" + ("，因为所用的单位把一兆当成一百万" if million else ""),
                ),
                redis.cli("config get maxmemory"),
                "memory",
            )
        if running.get("maxmemory-policy") != params["policy"]:
            raise redis.unmet(
                f"maxmemory-policy {params['policy']}",
                f"maxmemory-policy {running.get('maxmemory-policy')}",
                redis.cli("config get maxmemory-policy"),
                "memory",
            )

    every(BOXES, look)
