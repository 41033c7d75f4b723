"""The cluster as its config servers know it: shards, databases, collections, chunks."""

from __future__ import annotations

import hashlib
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any

import bson
from bson.son import SON

from standin.backend import PATIENCE, Document, Pool, ReplicaSet, UnreachableError, told
from standin.errors import NOT_PRIMARY, CommandError, RefusedError

MAJORITY: Document = {"writeConcern": {"w": "majority", "wtimeout": 60_000}}
FIXED = {"config": "config", "admin": "config"}
"""Databases that are stored on the config servers."""


class Cluster:
    """One sharded cluster."""

    def __init__(self, configdb: str, key: str) -> None:
        self.pool = Pool(key)
        self.config = ReplicaSet(self.pool, configdb)
        self._shards: dict[str, ReplicaSet] = {}
        self._seen = 0.0
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------- what there is

    def read(self, collection: str, query: Mapping[str, Any], **more: Any) -> list[Document]:
        """Return documents of the config database, from the primary."""
        command = {"find": collection, "filter": query, "batchSize": 100_000, **more}
        return [dict(one.items()) for one in self.config.run("config", command, again=True)["cursor"]["firstBatch"]]

    def shards(self, fresh: bool = False) -> dict[str, ReplicaSet]:
        """Return the shards by name. Raises CommandError if there are none."""
        with self._lock:
            if fresh or not self._shards or time.monotonic() - self._seen > 5:
                found = {str(one["_id"]): str(one["host"]) for one in self.read("shards", {}, sort={"_id": 1})}
                kept = {name: known for name, known in self._shards.items() if found.get(name) == known.text}
                self._shards = {name: kept.get(name) or ReplicaSet(self.pool, text) for name, text in found.items()}
                self._seen = time.monotonic()
            if not self._shards:
                raise CommandError(70, "No shards found")
            return self._shards

    def shard(self, name: str) -> ReplicaSet:
        """Return a shard by its name, or by ``set/hosts``."""
        for one in (name, name.partition("/")[0]):
            if one in self.shards(fresh=True):
                return self._shards[one]
        raise CommandError(70, f"Could not find shard metadata for shard with id: {name}")

    def database(self, name: str, make: bool = False, primary: str = "") -> Document:
        """Return the entry of a database. ``make``: create the entry if there is none. Raises CommandError 26."""
        found = [] if primary else self.read("databases", {"_id": name})
        if not found and make:
            wanted = {"primaryShardId": primary} if primary else {}
            self.configure({"_configsvrCreateDatabase": name, **wanted})
            found = self.read("databases", {"_id": name})
        if not found:
            raise CommandError(26, f"database {name} not found")
        return found[0]

    def collection(self, ns: str) -> Document | None:
        """Return the entry of a sharded collection."""
        return next(iter(self.read("collections", {"_id": ns})), None)

    def sharded(self, ns: str) -> Document:
        """Like ``collection``. Raises CommandError if the collection is not sharded."""
        found = self.collection(ns)
        if found is None:
            raise CommandError(118, f"{ns} is not sharded")
        return found

    def owners(self, db: str, name: str) -> list[ReplicaSet]:
        """Return the shards that hold a collection's documents."""
        entry = self.collection(f"{db}.{name}")
        if entry is None:
            return [self.shard(str(self.database(db)["primary"]))]
        chunks = self.config.run("config", {"distinct": "chunks", "key": "shard", "query": {"uuid": entry["uuid"]}})
        return [self.shard(str(name)) for name in chunks["values"]]

    def chunk(self, ns: str, key: Mapping[str, Any]) -> Document:
        """Return the chunk that contains this value of the shard key."""
        entry = self.sharded(ns)
        # MongoDB does the comparison, in its own order of types.
        point = SON((name, key[name]) for name in entry["key"])
        query = {"uuid": entry["uuid"], "min": {"$lte": point}, "max": {"$gt": point}}
        found = self.read("chunks", query)
        if not found:
            raise CommandError(2, f"no chunk of {ns} contains {dict(point)}")
        return found[0]

    def key_of(self, ns: str, document: Mapping[str, Any]) -> Document:
        """Return a document's value of the shard key, hashed if the key is hashed. Raises CommandError if the document
        has no such value."""
        found: Document = {}
        for name, kind in self.sharded(ns)["key"].items():
            value: Any = document
            for part in name.split("."):
                if not isinstance(value, Mapping) or part not in value:
                    raise CommandError(61, f"Query isn't an exact match on the shard key of {ns}: {name} is missing")
                value = value[part]
            found[name] = hashed(value) if kind == "hashed" else value
        return found

    # --------------------------------------------------------------------------------------------------- who does it

    def configure(self, command: Mapping[str, Any], concern: Mapping[str, Any] = MAJORITY) -> Document:
        """Run an administrator's command on the config servers."""
        return told(self.config.run("admin", {**command, **concern}, again=True))

    def on_primary_shard(self, db: str, command: Mapping[str, Any], versioned: bool = True) -> Document:
        """Run a command on a database's primary shard. ``versioned``: the shard must know that it is the primary
        shard."""
        entry = self.database(db)
        version = {"databaseVersion": entry["version"], **MAJORITY} if versioned else {}
        return told(self.shard(str(entry["primary"])).run(db, {**command, **version}))

    def route(self, db: str, command: Mapping[str, Any], again: bool) -> tuple[str, Document]:
        """Run a command such as clusterFind on the primary of any shard. Return that member and its answer."""
        deadline, last = time.monotonic() + PATIENCE, ""
        while True:
            for shard in list(self.shards().values()):
                try:
                    host = shard.primary(0.0)
                    answer = self.pool.ask(host, db, command)
                except (CommandError, UnreachableError) as error:
                    shard.forget()
                    last = str(error)
                    if isinstance(error, UnreachableError) and error.sent and not again:
                        raise CommandError(6, last) from None
                    continue
                if answer.get("ok") or answer.get("code") not in NOT_PRIMARY:
                    if not answer.get("ok"):
                        raise RefusedError(told(answer))
                    return host, answer
                last = str(answer.get("errmsg"))
                shard.forget()
            if time.monotonic() > deadline:
                raise CommandError(133, last)
            time.sleep(0.2)


def hashed(value: Any) -> bson.int64.Int64:
    """Hash a value as MongoDB does for a hashed index."""
    digest = hashlib.md5(struct.pack("<i", 0), usedforsecurity=False)
    _digest(digest, bson.encode({"": value}))
    return bson.int64.Int64(struct.unpack("<q", digest.digest()[:8])[0])


_CANONICAL = {1: 10, 16: 10, 18: 10, 19: 10, 2: 15, 3: 20, 4: 25, 5: 30, 7: 35, 8: 40, 9: 45, 17: 47, 10: 5, 11: 50}


def _digest(digest: Any, data: bytes) -> None:
    """Return the bytes of one element that MongoDB feeds to MD5."""
    kind, at = data[4], data.index(b"\0", 5) + 1
    body = data[at:-1]
    digest.update(struct.pack("<i", _CANONICAL.get(kind, kind)))
    if kind in (1, 16, 18):
        number = struct.unpack({1: "<d", 16: "<i", 18: "<q"}[kind], body)[0]
        digest.update(struct.pack("<q", _long(number)))
    elif kind in (3, 4):
        raise CommandError(20, "the stand-in can't hash documents and arrays: name the chunk by its bounds")
    else:
        digest.update(body)


def _long(number: float) -> int:
    if number != number:
        return 0
    return (
        max(-(2**63), min(2**63 - 1, int(number))) if abs(number) < 2**63 else (2**63 - 1 if number > 0 else -(2**63))
    )
