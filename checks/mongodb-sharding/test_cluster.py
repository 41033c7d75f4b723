"""The router, its users, its shards, the balancer."""

import re
import secrets

import pytest
from mongo_wire import RefusalError

NODES = ("node1", "node2", "node3")


@pytest.mark.task("router")
def test_a_router_answers(cluster):
    """mongos answers at your port and is a router of this cluster
    zh: mongos 在你的端口上应答，而且是这个集群的路由
    """
    router = cluster.router
    told = router.hello("router")
    if told.get("msg") != "isdbgrid":
        found = ("a mongod", "是 mongod") if "maxWireVersion" in told else ("something else", "是别的东西")
        raise router.unmet(
            ("a mongos (msg: isdbgrid)", "是 mongos（msg: isdbgrid）"), found, router.shell("db.hello()"), "router"
        )
    name = f"router:{router.port}"

    def look():
        def say(client):
            now = client.ask("admin", {"hello": 1})["localTime"]
            return now, client.find("config", "mongos", {"_id": name})

        now, entries = cluster.known("router", say)
        if not entries or abs((now - entries[0]["ping"]).total_seconds()) > 60:
            raise router.unmet(
                (f"{name} among the routers that report to the config servers", f"向配置服务器报到的路由里有 {name}"),
                ("it isn't, or not for a minute", "没有，或者超过一分钟没有报到"),
                "journalctl -u mongos -n 20",
                "router",
            )

    cluster.settled(look)


@pytest.mark.task("router")
def test_the_router_knows_all_config_servers(cluster, params):
    """mongos is told of all three config servers
    zh: mongos 的配置里有全部三台配置服务器
    """
    router = cluster.router
    text = str(router.options("router").get("sharding.configDB", ""))
    name, _, hosts = text.partition("/")
    places = {host.strip() for host in hosts.split(",")}
    port = params["config_port"]
    missing = [
        f"{node}:{port}" for node in NODES if not {f"{node}:{port}", f"{params[f'{node}_address']}:{port}"} & places
    ]
    if name != params["config_set"] or missing:
        wanted = f"{params['config_set']}/{','.join(f'{node}:{port}' for node in NODES)}"
        found = text or ("no configDB", "没有 configDB")
        raise router.unmet(f"configDB: {wanted}", found, "cat /etc/mongos.conf", "router")


def _refused(cluster, login, why):
    """Raises where this login is good."""
    with cluster.router.dial("users") as client:
        try:
            client.login(*login)
        except (RefusalError, OSError, KeyError, ValueError):
            return
    raise cluster.router.unmet(why, ("it was let in", "居然放行了"), cluster.router.shell("db.hello()"), "users")


@pytest.mark.task("users")
def test_the_administrator(cluster):
    """The administrator logs in with the password and no other, and may do everything
    zh: 管理员只能用自己的密码登录，并且什么都能做
    """
    name, password, db = cluster.login()
    cluster.router.talk("users", lambda client: client.ask("admin", {"usersInfo": 1}), (name, password, db))
    cluster.router.talk("users", lambda client: client.ask("admin", {"listShards": 1}), (name, password, db))
    wrong = (f"{name} with a wrong password is refused", f"{name} 用错误密码登录被拒绝")
    _refused(cluster, (name, secrets.token_hex(8), db), wrong)
    roles = cluster.known(
        "users", lambda client: client.ask("admin", {"usersInfo": {"user": name, "db": db}, "showPrivileges": True})
    )
    rights = roles["users"][0]["inheritedPrivileges"] if roles["users"] else []
    if not any(one["resource"].get("cluster") and "addShard" in one["actions"] for one in rights):
        expected = (
            f"{name} with the role root, kept by the config servers",
            f"{name} 有 root 角色，存放在配置服务器上",
        )
        raise cluster.router.unmet(
            expected, ("it lacks rights", "权限不够"), cluster.shell(f'db.getUser("{name}")'), "users"
        )


@pytest.mark.task("users")
def test_the_application(cluster, params):
    """The application's user writes and reads its own database, and gets at nothing else
    zh: 应用用户能读写自己的数据库，碰不到别的
    """
    router, db = cluster.router, params["db"]
    login = (params["app_user"], params["app_password"], db)
    own, value = f"labctl_{secrets.token_hex(6)}", secrets.token_hex(8)
    user = f"-u {params['app_user']} -p {params['app_password']} --authenticationDatabase {db} "

    def say(client):
        client.ask(db, {"insert": own, "documents": [{"_id": 1, "value": value}]})
        read = client.find(db, own, {"_id": 1})
        denied = []
        for place, command in (
            ("admin", {"find": "system.users", "limit": 1}),
            (f"labctl{value}", {"find": "x", "limit": 1}),
            ("config", {"find": "shards", "limit": 1}),
            (db, {"usersInfo": 1}),
            ("admin", {"listShards": 1}),
            ("admin", {"enableSharding": f"labctl{value}"}),
        ):
            try:
                client.ask(place, command)
                denied.append(f"{next(iter(command))} in {place}")
            except RefusalError as refusal:
                if refusal.code != 13:
                    denied.append(f"{next(iter(command))}: {refusal}")
        return read, denied

    try:
        found, open_doors = router.talk("users", say, login)
    finally:
        cluster.at_router("users", lambda client: client.ask(db, {"drop": own}))
    see = router.shell("db.runCommand({connectionStatus: 1, showPrivileges: true})", user)
    if [one.get("value") for one in found] != [value]:
        expected = (f"what {login[0]} writes to {db} is there", f"{login[0]} 写进 {db} 的东西读得到")
        raise router.unmet(expected, ("it isn't", "读不到"), see, "users")
    if open_doors:
        expected = (f"{login[0]} may use {db} and nothing else", f"{login[0]} 只能使用 {db}")
        raise router.unmet(expected, (f"allowed: {open_doors[0]}", f"被允许：{open_doors[0]}"), see, "users")
    _refused(
        cluster,
        (login[0], secrets.token_hex(8), db),
        (f"{login[0]} with a wrong password is refused", f"{login[0]} 用错误密码登录被拒绝"),
    )


@pytest.mark.task("add-shards")
def test_both_shards_are_in_the_cluster(cluster, params):
    """The cluster has both shards, each with three members
    zh: 集群里有两个分片，每个都有三个成员
    """
    for name, entry in cluster.shards("add-shards").items():
        kind = next((kind for kind in ("a", "b") if params[f"{kind}_set"] == name), None)
        if kind is None:
            expected = (
                f"the shards {params['a_set']} and {params['b_set']}",
                f"分片 {params['a_set']} 和 {params['b_set']}",
            )
            raise cluster.router.unmet(
                expected, (f"another one: {name}", f"还有一个：{name}"), cluster.shell("sh.status()"), "add-shards"
            )
        port = params[f"{kind}_port"]
        places = set(str(entry["host"]).partition("/")[2].split(","))
        missing = [f"{n}:{port}" for n in NODES if not {f"{n}:{port}", f"{params[f'{n}_address']}:{port}"} & places]
        if missing or entry.get("draining"):
            expected = (f"{name} with three members, not being removed", f"{name} 有三个成员，没有在移除")
            found = ", ".join([f"no {one}" for one in missing] or ["draining"])
            raise cluster.router.unmet(expected, found, cluster.shell("sh.status()"), "add-shards")


@pytest.mark.task("balancer")
def test_the_balancer_keeps_hours(cluster, params):
    """The balancer is on, and works within your hours only
    zh: 均衡器已启用，而且只在你的时段内工作
    """
    entries = cluster.known("balancer", lambda client: client.find("config", "settings", {"_id": "balancer"}))
    entry = entries[0] if entries else {}
    see = cluster.shell('db.getSiblingDB("config").settings.find()')
    if entry.get("stopped") or entry.get("mode") == "off":
        raise cluster.router.unmet(("the balancer is on", "均衡器已启用"), "mode: off", see, "balancer")
    window = entry.get("activeWindow") or {}
    start, stop = (_minutes(window.get(end)) for end in ("start", "stop"))
    if (start, stop) != (params["window_start"] * 60, params["window_stop"] * 60):
        wanted = f"0{params['window_start']}:00 – 0{params['window_stop']}:00"
        found = f"{window['start']} – {window['stop']}" if window else ("no activeWindow", "没有 activeWindow")
        raise cluster.router.unmet(f"activeWindow {wanted}", found, see, "balancer")


def _minutes(text):
    found = re.fullmatch(r"(\d\d?):(\d\d)", str(text))
    return int(found[1]) * 60 + int(found[2]) if found else None
