# ruff: noqa: ARG001 (all commands are called alike)
"""An administrator's commands: shards, shard keys, chunks, zones, the balancer, users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bson.min_key import MinKey
from bson.son import SON

from standin.backend import Document, told
from standin.cluster import MAJORITY
from standin.errors import CommandError
from standin.session import Session, command_for

Command = Callable[[Session, Document], Document]


def _split_ns(ns: str) -> tuple[str, str]:
    db, _, name = ns.partition(".")
    if not name:
        raise CommandError(73, f"Invalid namespace specified '{ns}'")
    return db, name


def configured(name: str, action: str, collection: str = "", concern: Mapping[str, Any] = MAJORITY) -> Command:
    """A command that the config servers carry out under another name. A client needs the right for the cluster, or for
    that collection of the config database."""

    def run(session: Session, body: Document) -> Document:
        db = "config" if collection else "admin"
        session.client.must([action], db, next(iter(body)), collection, cluster=not collection)
        command = command_for(body)
        first = next(iter(command))
        value = command.pop(first)
        if not concern:
            command.pop("writeConcern", None)
        return session.cluster.configure({name: value, **command}, concern)

    return run


def add_shard(session: Session, body: Document) -> Document:
    """addShard."""
    answer = configured("_configsvrAddShard", "addShard")(session, body)
    session.cluster.shards(fresh=True)
    return answer


def list_shards(session: Session, body: Document) -> Document:
    """listShards."""
    session.client.must(["listShards"], "admin", "listShards", cluster=True)
    return {"shards": session.cluster.read("shards", {}, sort={"_id": 1}), "ok": 1.0}


def enable_sharding(session: Session, body: Document) -> Document:
    """enableSharding: creates the database and chooses its primary shard."""
    db = str(body["enableSharding"])
    session.client.must(["enableSharding"], db, "enableSharding")
    session.cluster.database(db, make=True, primary=str(body.get("primaryShard", "")))
    return {"ok": 1.0}


def shard_collection(session: Session, body: Document) -> Document:
    """shardCollection."""
    ns = str(body["shardCollection"])
    db, name = _split_ns(ns)
    session.client.must(["enableSharding"], db, "shardCollection", name)
    session.cluster.database(db, make=True)
    wanted = ("unique", "numInitialChunks", "presplitHashedZones", "collation", "timeseries", "implicitlyCreateIndex")
    more = {option: body[option] for option in wanted if option in body}
    session.cluster.on_primary_shard(db, {"_shardsvrCreateCollection": name, "shardKey": body["key"], **more})
    return {"collectionsharded": ns, "ok": 1.0}


def split(session: Session, body: Document) -> Document:
    """split: at a point (middle), or in the middle of a chunk (find, bounds)."""
    ns, cluster = str(body["split"]), session.cluster
    db, name = _split_ns(ns)
    session.client.must(["splitChunk"], db, "split", name)
    entry = cluster.sharded(ns)
    if "middle" in body:
        points, chunk = [body["middle"]], cluster.chunk(ns, _whole(entry, body["middle"]))
        if dict(chunk["min"]) == dict(body["middle"]):
            raise CommandError(2, f"new split key {dict(body['middle'])} is a boundary key of existing chunk")
    else:
        found = body["bounds"][0] if "bounds" in body else cluster.key_of(ns, body["find"])
        chunk = cluster.chunk(ns, found)
        asked = {"splitVector": ns, "keyPattern": entry["key"], "min": chunk["min"], "max": chunk["max"], "force": True}
        points = list(cluster.shard(str(chunk["shard"])).run(db, asked, again=True)["splitKeys"])
        if not points:
            raise CommandError(2, "unable to find median in chunk because chunk is empty or has only one key value")
    command = {
        "splitChunk": ns,
        "from": chunk["shard"],
        "keyPattern": entry["key"],
        "epoch": entry["lastmodEpoch"],
        "timestamp": entry["timestamp"],
        "min": chunk["min"],
        "max": chunk["max"],
        "splitKeys": [_whole(entry, point) for point in points],
    }
    return told(cluster.shard(str(chunk["shard"])).run("admin", command))


def _whole(entry: Mapping[str, Any], point: Mapping[str, Any]) -> SON[str, Any]:
    missing = [name for name in entry["key"] if name not in point]
    if missing or len(point) != len(entry["key"]):
        raise CommandError(2, f"{dict(point)} is no value of the shard key {dict(entry['key'])}")
    return SON((name, point[name]) for name in entry["key"])


def move_chunk(session: Session, body: Document) -> Document:
    """moveChunk, moveRange."""
    name = next(iter(body))
    ns, cluster = str(body[name]), session.cluster
    session.client.must(["moveChunk"], _split_ns(ns)[0], name, _split_ns(ns)[1])
    target = str(body.get("to", body.get("toShard")))
    known = {target, target.partition("/")[0]} & set(cluster.shards(fresh=True))
    if not known:
        message = f"Could not find shard metadata for shard with id: {target}"
        raise CommandError(70, message)
    command: Document = {"_configsvrMoveRange": ns, "toShard": known.pop()}
    if name == "moveRange":
        command |= {bound: body[bound] for bound in ("min", "max") if bound in body}
    else:
        chunk = cluster.chunk(ns, body["bounds"][0] if "bounds" in body else cluster.key_of(ns, body["find"]))
        command |= {"min": chunk["min"], "max": chunk["max"]}
    for option in ("forceJumbo", "_waitForDelete", "waitForDelete"):
        if option in body:
            command[option.lstrip("_")] = body[option]
    return cluster.configure(command)


def merge_chunks(session: Session, body: Document) -> Document:
    """mergeChunks."""
    ns, cluster = str(body["mergeChunks"]), session.cluster
    session.client.must(["splitChunk"], _split_ns(ns)[0], "mergeChunks", _split_ns(ns)[1])
    entry = cluster.sharded(ns)
    chunk = cluster.chunk(ns, body["bounds"][0])
    command = {
        "_shardsvrMergeChunks": ns,
        "bounds": body["bounds"],
        "epoch": entry["lastmodEpoch"],
        "timestamp": entry["timestamp"],
    }
    return told(cluster.shard(str(chunk["shard"])).run("admin", command))


def zone_range(session: Session, body: Document) -> Document:
    """updateZoneKeyRange. A bound that names only a part of the key is completed, as in mongos."""
    session.client.must(["update"], "config", "updateZoneKeyRange", "tags")
    entry = session.cluster.collection(str(body["updateZoneKeyRange"]))
    command = command_for(body)
    for bound in ("min", "max"):
        if entry is not None:
            missing = [name for name in entry["key"] if name not in body[bound]]
            # In mongosh {region: "north"} means: from this value on, with any values of the other fields.
            command[bound] = SON([*body[bound].items(), *((name, MinKey()) for name in missing)])
    return session.cluster.configure({"_configsvrUpdateZoneKeyRange": command.pop("updateZoneKeyRange"), **command})


def refine_key(session: Session, body: Document) -> Document:
    """refineCollectionShardKey."""
    db, name = _split_ns(str(body["refineCollectionShardKey"]))
    session.client.must(["refineCollectionShardKey"], db, "refineCollectionShardKey", name)
    return session.cluster.on_primary_shard(db, {"_shardsvrRefineCollectionShardKey": name, "key": body["key"]})


def reshard(session: Session, body: Document) -> Document:
    """reshardCollection."""
    db, name = _split_ns(str(body["reshardCollection"]))
    session.client.must(["reshardCollection"], db, "reshardCollection", name)
    wanted = ("key", "unique", "collation", "numInitialChunks", "zones")
    more = {option: body[option] for option in wanted if option in body}
    return session.cluster.on_primary_shard(db, {"_shardsvrReshardCollection": name, **more})


def move_primary(session: Session, body: Document) -> Document:
    """movePrimary."""
    db = str(body["movePrimary"])
    session.client.must(["moveChunk"], db, "movePrimary")
    entry = session.cluster.database(db)
    command = {"_shardsvrMovePrimary": db, "to": body["to"], "databaseVersion": entry["version"], **MAJORITY}
    return told(session.cluster.shard(str(entry["primary"])).run("admin", command))


def balancer_status(session: Session, body: Document) -> Document:
    """balancerCollectionStatus."""
    db, name = _split_ns(str(body["balancerCollectionStatus"]))
    session.client.must(["enableSharding"], db, "balancerCollectionStatus", name)
    return session.cluster.configure({"_configsvrBalancerCollectionStatus": body["balancerCollectionStatus"]}, {})


def configure_balancing(session: Session, body: Document) -> Document:
    """configureCollectionBalancing."""
    ns = str(body["configureCollectionBalancing"])
    session.client.must(["enableSharding"], _split_ns(ns)[0], "configureCollectionBalancing")
    command = command_for(body)
    command.pop("configureCollectionBalancing")
    return session.cluster.configure({"_configsvrConfigureCollectionBalancing": ns, **command})


_GRANTING = {
    "createUser": ("createUser", "grantRole"),
    "updateUser": ("changePassword",),
    "dropUser": ("dropUser",),
    "dropAllUsersFromDatabase": ("dropUser",),
    "grantRolesToUser": ("grantRole",),
    "revokeRolesFromUser": ("revokeRole",),
    "usersInfo": ("viewUser",),
    "createRole": ("createRole", "grantRole"),
    "updateRole": ("revokeRole", "grantRole"),
    "dropRole": ("dropRole",),
    "dropAllRolesFromDatabase": ("dropRole",),
    "grantPrivilegesToRole": ("grantRole",),
    "revokePrivilegesFromRole": ("revokeRole",),
    "grantRolesToRole": ("grantRole",),
    "revokeRolesFromRole": ("revokeRole",),
    "rolesInfo": ("viewRole",),
}


def users(session: Session, body: Document) -> Document:
    """Users and roles, which the config servers store."""
    name, db = next(iter(body)), str(body["$db"])
    mine = name in ("usersInfo", "updateUser") and session.client.user in ((body[name], db), _of(body[name]))
    if not (mine and (name == "usersInfo" or set(body) & {"roles"} == set())):
        session.client.must(_GRANTING[name], db, name)
    command = command_for(body)
    if not name.endswith("Info"):
        command.pop("writeConcern", None)
        command |= MAJORITY
    return told(session.cluster.config.run(db, command, again=name.endswith("Info")))


def _of(who: Any) -> tuple[str, str] | None:
    return (str(who.get("user")), str(who.get("db"))) if isinstance(who, Mapping) and "user" in who else None


COMMANDS: dict[str, Command] = {
    "addshard": add_shard,
    "listshards": list_shards,
    "removeshard": configured("_configsvrRemoveShard", "removeShard"),
    "enablesharding": enable_sharding,
    "shardcollection": shard_collection,
    "split": split,
    "movechunk": move_chunk,
    "moverange": move_chunk,
    "mergechunks": merge_chunks,
    "addshardtozone": configured("_configsvrAddShardToZone", "update", "shards"),
    "removeshardfromzone": configured("_configsvrRemoveShardFromZone", "update", "shards"),
    "updatezonekeyrange": zone_range,
    "balancerstart": configured("_configsvrBalancerStart", "update", "settings", {}),
    "balancerstop": configured("_configsvrBalancerStop", "update", "settings", {}),
    "balancerstatus": configured("_configsvrBalancerStatus", "find", "settings", {}),
    "balancercollectionstatus": balancer_status,
    "configurecollectionbalancing": configure_balancing,
    "clearjumboflag": configured("_configsvrClearJumboFlag", "update", "chunks"),
    "refinecollectionshardkey": refine_key,
    "reshardcollection": reshard,
    "moveprimary": move_primary,
    **{name.lower(): users for name in _GRANTING},
}
