"""Commands on documents: passed to the router's code in a shard's mongod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson.int64 import Int64

from standin.backend import Document, UnreachableError, told
from standin.cluster import FIXED
from standin.errors import CommandError, RefusedError
from standin.session import Session, command_for

ROUTED = {
    "find": "clusterFind",
    "aggregate": "clusterAggregate",
    "insert": "clusterInsert",
    "update": "clusterUpdate",
    "delete": "clusterDelete",
}
ACTIONS = {"find": "find", "aggregate": "find", "insert": "insert", "update": "update", "delete": "remove"}
_READS = {"find", "aggregate"}


def routed(session: Session, body: Document) -> Document:
    """find, aggregate, insert, update, delete."""
    name = next(iter(body))
    db, collection = str(body["$db"]), body[name] if isinstance(body[name], str) else ""
    _allowed(session, name, db, collection, body)
    command = command_for(body)
    if name == "aggregate" and "$shardedDataDistribution" in next(iter(body["pipeline"]), {}):
        return distribution(session, body)
    if db in FIXED:
        host, answer = session.cluster.config.run_where(db, command, again=name in _READS)
        return session.keep(host, answer, False)
    if name in ("insert", "update", "delete"):
        session.cluster.database(db, make=name == "insert" or name == "update")
    elif not session.has_database(db):
        return {"cursor": {"id": Int64(0), "ns": f"{db}.{collection}", "firstBatch": []}, "ok": 1.0}
    command = {ROUTED[name]: command.pop(name), **command}
    host, answer = session.cluster.route(db, command, again=name in _READS)
    return session.keep(host, answer, True)


def _allowed(session: Session, name: str, db: str, collection: str, body: Document) -> None:
    actions = [ACTIONS[name]]
    stages = [next(iter(stage), "") for stage in body.get("pipeline", ())] if name == "aggregate" else []
    if stages[:1] in (["$currentOp"], ["$listLocalSessions"]):
        session.client.must(["inprog"], db, name, cluster=True)
        return
    if stages[:1] in (["$collStats"], ["$indexStats"]):
        actions = ["collStats" if stages[0] == "$collStats" else "indexStats"]
    if stages[:1] == ["$changeStream"]:
        actions = ["find", "changeStream"]
    if stages[-1:] in (["$out"], ["$merge"]):
        actions += ["insert", "update", "remove"]
    if name == "update" and any(one.get("upsert") for one in body.get("updates", ())):
        actions += ["insert"]
    session.client.must(actions, db, name, collection)


def _result(session: Session, db: str, collection: str, pipeline: list[Any], body: Document) -> list[Mapping[str, Any]]:
    command = {"aggregate": collection, "pipeline": pipeline, "cursor": {"batchSize": 100_000}}
    for option in ("collation", "maxTimeMS", "hint"):
        if option in body:
            command[option] = body[option]
    answer = routed(session, {**command, "$db": db})
    return list(answer["cursor"]["firstBatch"])


def distribution(session: Session, body: Document) -> Document:
    """$shardedDataDistribution, which a mongod does not have.

    Of the following stages only a $match of ns has an effect.
    """
    wanted = [stage["$match"].get("ns") for stage in body["pipeline"] if "$match" in stage]
    found = []
    for entry in session.cluster.read("collections", {}, sort={"_id": 1}):
        ns = str(entry["_id"])
        if ns.startswith("config.") or (wanted and ns not in wanted):
            continue
        db, _, name = ns.partition(".")
        shards = []
        for one in _result(session, db, name, [{"$collStats": {"storageStats": {}}}], {}):
            stats = one["storageStats"]
            orphans, size = int(stats.get("numOrphanDocs", 0)), int(stats.get("avgObjSize", 0))
            owned = int(stats["count"]) - orphans
            shards.append(
                {
                    "shardName": one["shard"],
                    "numOrphanedDocs": orphans,
                    "numOwnedDocuments": owned,
                    "orphanedSizeBytes": orphans * size,
                    "ownedSizeBytes": owned * size,
                }
            )
        found.append({"ns": ns, "shards": shards})
    return {"cursor": {"id": Int64(0), "ns": "admin.$cmd.aggregate", "firstBatch": found}, "ok": 1.0}


def count(session: Session, body: Document) -> Document:
    """count, as an aggregation: documents on a wrong shard do not count."""
    pipeline: list[Any] = [{"$match": body.get("query") or {}}]
    pipeline += [{"$skip": body["skip"]}] if body.get("skip") else []
    pipeline += [{"$limit": abs(body["limit"])}] if body.get("limit") else []
    found = _result(session, str(body["$db"]), str(body["count"]), [*pipeline, {"$count": "n"}], body)
    return {"n": found[0]["n"] if found else 0, "ok": 1.0}


def distinct(session: Session, body: Document) -> Document:
    """distinct, as an aggregation."""
    path = f"${body['key']}"
    pipeline = [
        {"$match": body.get("query") or {}},
        {"$unwind": path},
        {"$group": {"_id": path}},
        {"$sort": {"_id": 1}},
    ]
    found = _result(session, str(body["$db"]), str(body["distinct"]), pipeline, body)
    return {"values": [one["_id"] for one in found], "ok": 1.0}


def find_and_modify(session: Session, body: Document) -> Document:
    """findAndModify: find the document by its _id, then change it on the shard that has it."""
    name = next(iter(body))
    db, collection, query = str(body["$db"]), str(body[name]), dict(body.get("query") or {})
    session.client.must(["find", "remove" if body.get("remove") else "update"], db, name, collection)
    cluster = session.cluster
    cluster.database(db, make=True)
    wanted: Document = {"clusterFind": collection, "filter": query, "limit": 1, "projection": {"_id": 1}}
    if body.get("sort"):
        wanted["sort"] = body["sort"]
    first = cluster.route(db, wanted, again=True)[1]["cursor"]["firstBatch"]
    command = command_for(body)
    owners = cluster.owners(db, collection)
    if first:
        command["query"] = {"$and": [query, {"_id": first[0]["_id"]}]}
        command.pop("upsert", None)
        answer: Document = {}
        for shard in owners:
            answer = told(shard.run(db, command))
            if answer["lastErrorObject"]["n"]:
                break
        return answer
    if body.get("upsert"):
        if cluster.collection(f"{db}.{collection}") is None:
            return told(owners[0].run(db, command))
        return _upserted(session, db, collection, body)
    return told(owners[0].run(db, {**command, "upsert": False, "query": {"$and": [query, {"$expr": False}]}}))


def _upserted(session: Session, db: str, collection: str, body: Document) -> Document:
    update = {"q": body.get("query") or {}, "u": body["update"], "upsert": True}
    command = {"clusterUpdate": collection, "updates": [update]}
    answer = session.cluster.route(db, command, again=False)[1]
    if answer.get("writeErrors"):
        raise RefusedError({"ok": 0.0, **{k: v for k, v in answer["writeErrors"][0].items() if k != "index"}})
    made = answer["upserted"][0]["_id"]
    found = session.cluster.route(db, {"clusterFind": collection, "filter": {"_id": made}, "limit": 1}, again=True)[1]
    value = found["cursor"]["firstBatch"][0] if body.get("new") else None
    return {"lastErrorObject": {"n": 1, "updatedExisting": False, "upserted": made}, "value": value, "ok": 1.0}


def get_more(session: Session, body: Document) -> Document:
    """getMore: sent to the member that has the cursor."""
    session.client.known("getMore")
    number, db = int(body["getMore"]), str(body["$db"])
    place = session.cursors.get(number)
    if place is None:
        raise CommandError(43, f"Cursor not found (namespace: '{db}.{body['collection']}', id: {number}).")
    host, is_routed = place
    command = command_for(body)
    command = {"clusterGetMore" if is_routed else "getMore": command.pop("getMore"), **command}
    try:
        answer = session.cluster.pool.ask(host, db, command)
    except UnreachableError as error:
        session.cursors.pop(number, None)
        raise CommandError(6, str(error)) from None
    if not answer.get("ok"):
        session.cursors.pop(number, None)
        raise RefusedError(told(answer))
    if not answer["cursor"]["id"]:
        session.cursors.pop(number, None)
    return told(answer)


def kill_cursors(session: Session, body: Document) -> Document:
    """killCursors."""
    killed = [number for number in body["cursors"] if session.cursors.pop(int(number), None)]
    other = [number for number in body["cursors"] if number not in killed]
    return {"cursorsKilled": killed, "cursorsNotFound": other, "cursorsAlive": [], "cursorsUnknown": [], "ok": 1.0}


def explain(session: Session, body: Document) -> Document:
    """explain: the router's code in a mongod explains, too."""
    inner = dict(body["explain"].items())
    name, db = next(iter(inner)), str(body["$db"])
    if name not in ROUTED:
        raise CommandError(115, f"the stand-in explains {', '.join(ROUTED)}, and not {name}")
    session.client.must([ACTIONS[name]], db, "explain", str(inner[name]))
    command = command_for(inner)
    if db in FIXED:
        return told(session.cluster.config.run(db, {"explain": command}, again=True))
    command = {ROUTED[name]: command.pop(name), **command}
    verbosity = {"verbosity": body["verbosity"]} if "verbosity" in body else {}
    return told(session.cluster.route(db, {"explain": command, **verbosity}, again=True)[1])
