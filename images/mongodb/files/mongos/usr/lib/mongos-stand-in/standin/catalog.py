"""Commands on databases and collections: list, measure, create and drop them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from bson.int64 import Int64

from standin.backend import Document, ReplicaSet, told
from standin.cluster import FIXED
from standin.errors import CommandError
from standin.session import Session, command_for

_LARGE = {"cursor": {"batchSize": 100_000}}


def _primary(session: Session, db: str) -> ReplicaSet:
    if db in FIXED:
        return session.cluster.config
    return session.cluster.shard(str(session.cluster.database(db)["primary"]))


def list_databases(session: Session, body: Document) -> Document:
    """listDatabases: those of all shards, and of the config servers."""
    client, cluster = session.client, session.cluster
    client.known("listDatabases")
    sizes: Counter[str] = Counter()
    every = client.may("listDatabases", cluster=True)
    for source in [cluster.config, *cluster.shards().values()]:
        for one in source.run("admin", {"listDatabases": 1}, again=True)["databases"]:
            name = str(one["name"])
            if name == "local" or (name in FIXED) != (source is cluster.config):
                continue
            if every or client.may("find", name) or client.may("listCollections", name):
                sizes[name] += int(one["sizeOnDisk"])
    wanted = body.get("filter", {}).get("name") if body.get("filter") else None
    names = sorted(name for name in sizes if wanted is None or _matches(name, wanted))
    found = [{"name": name, "sizeOnDisk": Int64(sizes[name]), "empty": False} for name in names]
    if body.get("nameOnly"):
        return {"databases": [{"name": name} for name in names], "ok": 1.0}
    total = sum(sizes[name] for name in names)
    return {"databases": found, "totalSize": Int64(total), "totalSizeMb": Int64(total >> 20), "ok": 1.0}


def _matches(name: str, wanted: Any) -> bool:
    pattern = getattr(wanted, "pattern", None)
    return bool(re.search(pattern, name)) if pattern is not None else name == wanted


def list_collections(session: Session, body: Document) -> Document:
    """listCollections."""
    db = str(body["$db"])
    if not body.get("authorizedCollections"):
        session.client.must(["listCollections"], db, "listCollections")
    session.client.known("listCollections")
    if db not in FIXED and not session.has_database(db):
        return {"cursor": {"id": Int64(0), "ns": f"{db}.$cmd.listCollections", "firstBatch": []}, "ok": 1.0}
    command = {**command_for(body), **_LARGE}
    command.pop("authorizedCollections", None)
    return told(_primary(session, db).run(db, command, again=True))


def list_indexes(session: Session, body: Document) -> Document:
    """listIndexes: of a shard that has the collection."""
    db, name = str(body["$db"]), str(body["listIndexes"])
    session.client.must(["listIndexes"], db, "listIndexes", name)
    owner = session.cluster.config if db in FIXED else session.cluster.owners(db, name)[0]
    return told(owner.run(db, {**command_for(body), **_LARGE}, again=True))


def create(session: Session, body: Document) -> Document:
    """create, on the database's primary shard."""
    db, name = str(body["$db"]), str(body["create"])
    session.client.must(["createCollection"], db, "create", name)
    session.cluster.database(db, make=True)
    return told(_primary(session, db).run(db, command_for(body)))


def create_indexes(session: Session, body: Document) -> Document:
    """createIndexes, on each shard that has documents of the collection."""
    db, name = str(body["$db"]), str(body["createIndexes"])
    session.client.must(["createIndex"], db, "createIndexes", name)
    session.cluster.database(db, make=True)
    raw = {shard.text: told(shard.run(db, command_for(body))) for shard in session.cluster.owners(db, name)}
    return {"raw": raw, "ok": 1.0}


def drop_indexes(session: Session, body: Document) -> Document:
    """dropIndexes."""
    db, name = str(body["$db"]), str(body["dropIndexes"])
    session.client.must(["dropIndex"], db, "dropIndexes", name)
    command = command_for(body)
    return session.cluster.on_primary_shard(db, {"_shardsvrDropIndexes": command.pop("dropIndexes"), **command})


def drop(session: Session, body: Document) -> Document:
    """drop."""
    db, name = str(body["$db"]), str(body["drop"])
    session.client.must(["dropCollection"], db, "drop", name)
    if not session.has_database(db):
        return {"ok": 1.0}
    return session.cluster.on_primary_shard(db, {"_shardsvrDropCollection": name})


def drop_database(session: Session, body: Document) -> Document:
    """dropDatabase."""
    db = str(body["$db"])
    session.client.must(["dropDatabase"], db, "dropDatabase")
    if db in FIXED:
        raise CommandError(20, f"Cannot drop the {db} database")
    if session.has_database(db):
        session.cluster.on_primary_shard(db, {"_shardsvrDropDatabase": 1})
    return {"dropped": db, "ok": 1.0}


def coll_mod(session: Session, body: Document) -> Document:
    """collMod."""
    db, name = str(body["$db"]), str(body["collMod"])
    session.client.must(["collMod"], db, "collMod", name)
    command = command_for(body)
    return session.cluster.on_primary_shard(db, {"_shardsvrCollMod": command.pop("collMod"), **command})


def rename(session: Session, body: Document) -> Document:
    """renameCollection."""
    db, _, name = str(body["renameCollection"]).partition(".")
    session.client.must(["renameCollectionSameDB"], db, "renameCollection", name)
    command: Document = {
        "_shardsvrRenameCollection": name,
        "to": body["to"],
        "dropTarget": bool(body.get("dropTarget")),
    }
    return session.cluster.on_primary_shard(db, command)


def coll_stats(session: Session, body: Document) -> Document:
    """collStats, of all shards."""
    db, name = str(body["$db"]), str(body["collStats"])
    session.client.must(["collStats"], db, "collStats", name)
    if db in FIXED:
        return told(session.cluster.config.run(db, command_for(body), again=True))
    owners = session.cluster.owners(db, name)
    shards = {shard.name: told(shard.run(db, command_for(body), again=True)) for shard in owners}
    sums = ("count", "size", "storageSize", "totalIndexSize", "totalSize", "numOrphanDocs")
    found = {key: sum(int(one.get(key, 0)) for one in shards.values()) for key in sums}
    is_sharded = session.cluster.collection(f"{db}.{name}") is not None
    names = {index for one in shards.values() for index in one.get("indexSizes", {})}
    indexes = {index: sum(one["indexSizes"].get(index, 0) for one in shards.values()) for index in names}
    average = found["size"] // found["count"] if found["count"] else 0
    head = {"sharded": is_sharded, "capped": False, "ns": f"{db}.{name}", **found, "avgObjSize": average}
    return {**head, "indexSizes": indexes, "nindexes": len(names), "nchunks": 0, "shards": shards, "ok": 1.0}


def db_stats(session: Session, body: Document) -> Document:
    """dbStats, of all shards."""
    db = str(body["$db"])
    session.client.must(["dbStats"], db, "dbStats")
    cluster, command = session.cluster, command_for(body)
    sources: Mapping[str, ReplicaSet] = {"config": cluster.config} if db in FIXED else cluster.shards()
    raw = {one.text: told(one.run(db, command, again=True)) for one in sources.values()}
    sums = ("collections", "views", "objects", "dataSize", "storageSize", "indexes", "indexSize", "totalSize")
    found = {key: sum(one.get(key, 0) for one in raw.values()) for key in sums}
    average = found["dataSize"] / found["objects"] if found["objects"] else 0.0
    return {"raw": raw, "db": db, **found, "avgObjSize": average, "scaleFactor": body.get("scale", 1), "ok": 1.0}


def data_size(session: Session, body: Document) -> Document:
    """dataSize of a collection."""
    db, _, name = str(body["dataSize"]).partition(".")
    session.client.must(["find"], db, "dataSize", name)
    found = [one.run(db, command_for(body), again=True) for one in session.cluster.owners(db, name)]
    sums = {key: sum(one.get(key, 0) for one in found) for key in ("size", "numObjects", "millis")}
    return {**sums, "ok": 1.0}


def validate(session: Session, body: Document) -> Document:
    """validate, on each shard."""
    db, name = str(body["$db"]), str(body["validate"])
    session.client.must(["validate"], db, "validate", name)
    raw = {one.text: told(one.run(db, command_for(body))) for one in session.cluster.owners(db, name)}
    return {"valid": all(one["valid"] for one in raw.values()), "raw": raw, "ok": 1.0}
