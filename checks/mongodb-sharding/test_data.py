"""Collections: how they are cut, and where documents really lie, asked of the shards themselves."""

import secrets
from itertools import pairwise

import pytest
from bson import MaxKey, MinKey

ORDERS = 3000


def order(i):
    """The order of that number, as the starting state wrote it into /root/orders.jsonl."""
    return {"_id": f"o{i:04}", "no": i * 7919 % 10007, "customer": f"c{i * 31 % 997:03}", "cents": i * 137 % 90001 + 99}


@pytest.mark.task("hashed")
def test_events_are_spread_evenly(cluster, params):
    """Events are sharded by a hash, in enough chunks, and documents spread over both shards and all their members
    zh: 事件集合按哈希分片，块数足够，文档均匀散布在两个分片及其全部成员上
    """
    name, key, sets = params["events"], params["events_key"], (params["a_set"], params["b_set"])
    chunks = cluster.chunks(name, {key: "hashed"}, "hashed")
    see = cluster.shell(f'db.getSiblingDB("{params["db"]}").{name}.getShardDistribution()')
    counts = {one: sum(chunk["set"] == one for chunk in chunks) for one in sets}
    told = ", ".join(f"{one}: {counts[one]}" for one in sets)
    if len(chunks) < int(params["chunks"]) or abs(counts[sets[0]] - counts[sets[1]]) > 1:
        expected = (
            f"at least {params['chunks']} chunks, as many on the one shard as on the other",
            f"至少 {params['chunks']} 个块，两个分片一样多",
        )
        raise cluster.router.unmet(expected, told, see, "hashed")
    documents = [{key: secrets.token_hex(8)} for _ in range(160)]

    def look(token):
        found = {}
        for kind in ("a", "b"):
            first, *others = cluster.members[kind]
            here = {
                one[key] for one in cluster.there(cluster.primary(kind, "hashed"), name, {"labctl": token}, "hashed")
            }
            found[kind] = here
            for member in (first, *others):
                cluster.within(6, lambda member=member, here=here: _same(cluster, member, name, token, key, here))
        share = ", ".join(f"{params[f'{kind}_set']}: {len(here)}" for kind, here in found.items())
        both = found["a"] | found["b"]
        if both != {one[key] for one in documents} or found["a"] & found["b"] or min(map(len, found.values())) < 40:
            expected = ("160 new documents, about half of them on each shard", "160 个新文档，两个分片各约一半")
            raise cluster.router.unmet(expected, share, see, "hashed")

    cluster.written(name, documents, "hashed", look)


def _same(cluster, member, name, token, key, wanted):
    """Raises where a member of a shard lacks documents that the shard's primary has."""
    found = {one[key] for one in cluster.there(member, name, {"labctl": token}, "hashed")}
    if found != wanted:
        expected = ("what the shard's primary has, every member has", "分片主节点有的，每个成员都有")
        raise member.unmet(expected, f"{len(found)} / {len(wanted)}", member.shell("rs.status()"), "set")


@pytest.mark.task("presplit")
def test_orders_are_cut_by_hand(cluster, params):
    """Orders are cut at your three points, and each chunk lies on the shard where it shall
    zh: 订单集合在你的三个切点处切开，每个块都在该在的分片上
    """
    points = [params["split1"], params["split2"], params["split3"]]
    chunks = cluster.chunks("orders", {"no": 1}, "presplit")
    see = cluster.shell(f'db.getSiblingDB("{params["db"]}").orders.getShardDistribution()')
    bounds = [chunk["min"]["no"] for chunk in chunks] + [chunks[-1]["max"]["no"]]
    if bounds != [MinKey(), *points, MaxKey()]:
        found = ", ".join(str(one) for one in bounds[1:-1]) or ("nowhere", "没有切开")
        expected = (
            f"cut at {points[0]}, {points[1]} and {points[2]}, and nowhere else",
            f"只在 {points[0]}、{points[1]}、{points[2]} 处切开",
        )
        raise cluster.router.unmet(expected, found, cluster.shell("sh.status(true)"), "presplit")
    edges = [0, *points, 10007]
    documents = [{"no": low + secrets.randbelow(high - low) + 0.5} for low, high in pairwise(edges)]

    def look(token):
        for kind, wanted in (("a", documents[:2]), ("b", documents[2:])):
            member, name = cluster.primary(kind, "presplit"), params[f"{kind}_set"]
            here = {one["no"] for one in cluster.there(member, "orders", {"labctl": token}, "presplit")}
            if here != {one["no"] for one in wanted}:
                side = ("below", "以下") if kind == "a" else ("from", "起")
                expected = (
                    f"orders {side[0]} {points[1]} on {name}, and no others",
                    f"{points[1]} {side[1]}的订单在 {name} 上，没有别的",
                )
                placed = ", ".join(chunk["set"] for chunk in chunks)
                raise cluster.router.unmet(expected, (f"chunks on {placed}", f"各块依次在 {placed}"), see, "presplit")

    cluster.written("orders", documents, "presplit", look)


@pytest.mark.task("zones")
def test_people_stay_in_their_zone(cluster, params):
    """Who lives in the north is kept on the one shard, who lives in the south on the other, by zones
    zh: 北方的人存在一个分片上，南方的人存在另一个上，由区域规定
    """
    shards = cluster.shards("zones")
    ns, cities = f"{params['db']}.people", {"a": params["north"], "b": params["south"]}
    cluster.chunks("people", {"city": 1, "uid": 1}, "zones")
    ranges = cluster.known("zones", lambda client: client.find("config", "tags", {"ns": ns}))
    see = cluster.shell('db.getSiblingDB("config").tags.find()')
    for kind, zone in (("a", "north"), ("b", "south")):
        name, city = params[f"{kind}_set"], cities[kind]
        if zone not in shards[name].get("tags", ()):
            found = ", ".join(shards[name].get("tags", ())) or ("no zone", "没有区域")
            raise cluster.router.unmet((f"{name} in the zone {zone}", f"{name} 在区域 {zone} 里"), found, see, "zones")
        if not any(one["tag"] == zone and _covers(one, city) for one in ranges):
            found = ", ".join(f"{one['tag']}: {one['min'].get('city')}" for one in ranges) or ("no ranges", "没有范围")
            expected = (f"all of {city} in the zone {zone}", f"整个 {city} 都在区域 {zone} 里")
            raise cluster.router.unmet(expected, found, see, "zones")
    uids = [*(secrets.token_hex(6) for _ in range(5)), *(secrets.randbelow(10**9) for _ in range(5))]
    documents = [{"city": city, "uid": uid} for city in cities.values() for uid in uids]

    def look(token):
        for kind, city in cities.items():
            member, name = cluster.primary(kind, "zones"), params[f"{kind}_set"]
            here = cluster.there(member, "people", {"labctl": token}, "zones")
            if {one["city"] for one in here} != {city} or len(here) != len(uids):
                expected = (f"people of {city} on {name}, and nobody else", f"{name} 上有且只有 {city} 的人")
                found = ", ".join(f"{one['city']} {one['uid']}" for one in here[:1]) or ("nobody", "一个人也没有")
                raise cluster.router.unmet(expected, found, cluster.shell("sh.status(true)"), "zones")

    cluster.written("people", documents, "zones", look)


def _covers(one, city):
    """Whether a zone's range has all of a city."""
    low, high = one["min"].get("city"), one["max"].get("city")
    low_in = low == city and isinstance(one["min"].get("uid"), MinKey)
    high_in = (high == city and isinstance(one["max"].get("uid"), MaxKey)) or (isinstance(high, str) and high > city)
    return low_in and high_in


@pytest.mark.task("import")
def test_all_orders_are_there(cluster, params):
    """All 3000 orders are there, each once, each on its shard
    zh: 3000 个订单一个不少，不重不漏，各在自己的分片上
    """
    db, router = params["db"], cluster.router
    see = cluster.shell(f'db.getSiblingDB("{db}").orders.countDocuments()')
    chunks = cluster.chunks("orders", {"no": 1}, "import")
    wanted = {one["_id"]: one for one in map(order, range(ORDERS))}
    edges = [chunk["max"]["no"] for chunk in chunks]
    missing, places = [], {}
    for kind in ("a", "b"):
        name = params[f"{kind}_set"]
        found = cluster.there(cluster.primary(kind, "import"), "orders", {"_id": {"$regex": r"^o\d{4}$"}}, "import")
        places[name] = {one["_id"]: one for one in found}
    for i, one in wanted.items():
        at = next(n for n, edge in enumerate(edges) if isinstance(edge, MaxKey) or one["no"] < edge)
        if places.get(chunks[at]["set"], {}).get(i) != one:
            missing.append(i)
    if missing:
        expected = (
            f"{ORDERS} orders as in the file, each on the shard of its chunk",
            f"{ORDERS} 个订单与文件一致，各在所属块的分片上",
        )
        found = (
            f"{len(missing)} missing or changed, such as {missing[0]}",
            f"缺少或被改动 {len(missing)} 个，例如 {missing[0]}",
        )
        raise router.unmet(expected, found, see, "import")
    pipeline = [{"$match": {"customer": {"$regex": r"^c\d{3}$"}}}, {"$count": "n"}]
    said = cluster.at_router(
        "import", lambda client: client.ask(db, {"aggregate": "orders", "pipeline": pipeline, "cursor": {}})
    )
    number = sum(one["n"] for one in said["cursor"]["firstBatch"])
    if number != ORDERS:
        raise router.unmet((f"{ORDERS} orders, each once", f"{ORDERS} 个订单，不重复"), str(number), see, "import")
    if min(sum(chunk["set"] == name for chunk in chunks) for name in places) == 0:
        expected = ("orders on both shards", "两个分片上都有订单")
        raise router.unmet(expected, ("on one of them only", "只在其中一个上"), see, "presplit")
