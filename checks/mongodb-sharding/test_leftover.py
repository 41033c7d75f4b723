"""What a colleague left behind on the nodes."""

import pytest

NODES = ("node1", "node2", "node3")


@pytest.mark.task("leftover")
def test_nothing_is_left_behind(cluster, params, every):
    """No server without a password, no files of root's, no override: the nodes are as they should be
    zh: 没有无密码的服务，没有属于 root 的数据文件，没有覆盖配置的 drop-in：三台节点都干净
    """
    ports = {params[f"{kind}_port"] for kind in ("config", "a", "b")}

    def look(name):
        member = next(one for one in cluster.members["config"] if one.name == name)
        host = cluster.box(name)
        for one in cluster.sockets(name):
            # Whatever it is called by now: that is the port at which everybody was let in.
            if one.port not in ports and (one.port == 27017 or str(one.program).endswith("mongod")):
                raise member.unmet(
                    ("no MongoDB but the cluster's", "除了集群自己的，没有别的 MongoDB"),
                    (f"{one.program} at port {one.port}", f"{one.port} 端口上有 {one.program}"),
                    "ss -ltnp",
                    "leftover",
                )
            if one.uid == 0 and str(one.program).endswith("mongod"):
                raise member.unmet(
                    ("no mongod that runs as root", "没有以 root 运行的 mongod"),
                    (f"the one at port {one.port}", f"{one.port} 端口上的就是"),
                    "ps -eo user,args | grep mongod",
                    "leftover",
                )
        if host.run("systemctl --root=/ is-enabled mongod.service").stdout.strip().startswith("enabled"):
            raise member.unmet(
                ("mongod.service doesn't start at boot", "mongod.service 开机不启动"),
                "enabled",
                "systemctl is-enabled mongod",
                "leftover",
            )
        roots = host.run("find /var/lib/mongodb -mindepth 1 -user 0 2>/dev/null | head -n 1").stdout.strip()
        if roots:
            raise member.unmet(
                ("no file of root's where mongod keeps its data", "mongod 的数据目录里没有属于 root 的文件"),
                roots,
                "ls -lR /var/lib/mongodb",
                "leftover",
            )
        override = host.run(
            "find /etc/systemd /run/systemd /usr/lib/systemd -path '*mongo*' -type f -exec "
            "grep -lE -e '--noauth|clusterIpSourceAllowlist|^User=root' {} + 2>/dev/null | head -n 1"
        ).stdout.strip()
        if override:
            raise member.unmet(
                (
                    "no unit that switches logins off or runs mongod as root",
                    "没有任何单元文件关闭认证或用 root 运行 mongod",
                ),
                override,
                "systemctl cat mongod@a",
                "leftover",
            )

    every(NODES, look)
