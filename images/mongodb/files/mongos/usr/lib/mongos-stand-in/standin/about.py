# ruff: noqa: ARG001 (all commands are called alike)
"""Commands that the router itself answers. Each answer about the router names it as a stand-in."""

from __future__ import annotations

import datetime
import os
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

from bson.int64 import Int64

import standin
from standin import log
from standin.backend import Document, told
from standin.errors import CommandError
from standin.session import Session, command_for

Command = Callable[[Session, Document], Document]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def hello(session: Session, body: Document) -> Document:
    """hello: the first command of drivers. It reports a router and the maximum size of messages."""
    answer: Document = {
        "isWritablePrimary" if "hello" in body else "ismaster": True,
        "msg": "isdbgrid",
        "standIn": standin.ABOUT,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": _now(),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": session.number,
        "minWireVersion": 0,
        "maxWireVersion": 17,
        "readOnly": False,
        "ok": 1.0,
    }
    if "ismaster" in answer:
        answer["helloOk"] = True
    asked = body.get("saslSupportedMechs")
    if asked:
        host = session.cluster.config.any_member()
        found = session.cluster.pool.ask(host, "admin", {"hello": 1, "saslSupportedMechs": asked})
        if "saslSupportedMechs" in found:
            answer["saslSupportedMechs"] = found["saslSupportedMechs"]
    return answer


def build_info(session: Session, body: Document) -> Document:
    """buildInfo."""
    numbers = [int(part) for part in standin.VERSION.split(".")]
    return {
        "version": standin.VERSION,
        "versionArray": [*numbers, 0],
        "gitVersion": standin.NAME,
        "standIn": standin.ABOUT,
        "modules": [],
        "allocator": "system",
        "javascriptEngine": "none",
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "ok": 1.0,
    }


def server_status(session: Session, body: Document) -> Document:
    """serverStatus, of the router."""
    session.client.must(["serverStatus"], "admin", "serverStatus", cluster=True)
    up = time.time() - session.started["time"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "host": f"{socket.gethostname()}:{session.started['port']}",
        "version": standin.VERSION,
        "process": "mongos",
        "standIn": standin.ABOUT,
        "pid": Int64(os.getpid()),
        "uptime": up,
        "uptimeMillis": Int64(int(up * 1000)),
        "localTime": _now(),
        "connections": {"totalCreated": Int64(Session.count)},
        "mem": {"bits": 64, "resident": memory},
        "ok": 1.0,
    }


def connection_status(session: Session, body: Document) -> Document:
    """connectionStatus: the users that are logged in."""
    user = session.client.user
    who = [{"user": user[0], "db": user[1]}] if user else []
    roles: list[Any] = []
    if user and user[1] != "local":
        found = session.cluster.config.run("admin", {"usersInfo": {"user": user[0], "db": user[1]}}, again=True)[
            "users"
        ]
        roles = list(found[0]["roles"]) if found else []
    return {"authInfo": {"authenticatedUsers": who, "authenticatedUserRoles": roles}, "ok": 1.0}


def logout(session: Session, body: Document) -> Document:
    """logout."""
    session.client.logout()
    return {"ok": 1.0}


def cmd_line(session: Session, body: Document) -> Document:
    """getCmdLineOpts."""
    session.client.must(["getCmdLineOpts"], "admin", "getCmdLineOpts", cluster=True)
    return {"argv": session.started["argv"], "parsed": session.started["parsed"], "ok": 1.0}


def get_log(session: Session, body: Document) -> Document:
    """getLog: the start-up warnings that a shell shows."""
    session.client.must(["getLog"], "admin", "getLog", cluster=True)
    if body["getLog"] == "*":
        return {"names": ["global", "startupWarnings"], "ok": 1.0}
    lines = [log.line("W", "CONTROL", standin.ABOUT)] if body["getLog"] == "startupWarnings" else log.RECENT
    return {"totalLinesWritten": len(lines), "log": list(lines), "ok": 1.0}


def get_parameter(session: Session, body: Document) -> Document:
    """getParameter: the few parameters of a router that clients request."""
    session.client.must(["getParameter"], "admin", "getParameter", cluster=True)
    known: Document = {"authenticationMechanisms": ["SCRAM-SHA-256"], "enableTestCommands": False}
    found = {name: value for name, value in known.items() if name in body or body["getParameter"] == "*"}
    if not found:
        raise CommandError(72, "no option found to get")
    return {**found, "ok": 1.0}


def shard_map(session: Session, body: Document) -> Document:
    """getShardMap."""
    session.client.must(["getShardMap"], "admin", "getShardMap", cluster=True)
    found = {name: shard.text for name, shard in session.cluster.shards().items()}
    return {"map": {"config": session.cluster.config.text, **found}, "ok": 1.0}


def shard_version(session: Session, body: Document) -> Document:
    """getShardVersion of a collection."""
    ns = str(body["getShardVersion"])
    session.client.must(["getShardVersion"], *ns.partition(".")[::2][:1], "getShardVersion", ns.partition(".")[2])
    entry = session.cluster.sharded(ns)
    last = session.cluster.read("chunks", {"uuid": entry["uuid"]}, sort={"lastmod": -1}, limit=1)
    return {"version": last[0]["lastmod"], "versionEpoch": entry["lastmodEpoch"], "ok": 1.0}


def fine(session: Session, body: Document) -> Document:
    """Commands without any effect."""
    return {"ok": 1.0}


def flush(session: Session, body: Document) -> Document:
    """flushRouterConfig."""
    session.client.must(["flushRouterConfig"], "admin", "flushRouterConfig", cluster=True)
    session.cluster.shards(fresh=True)
    return {"flushed": True, "ok": 1.0}


def passed_to_config(action: str) -> Command:
    """A command on the whole cluster that the config servers answer under its own name."""

    def run(session: Session, body: Document) -> Document:
        session.client.must([action], "admin", next(iter(body)), cluster=True)
        return told(session.cluster.config.run("admin", command_for(body)))

    return run


def current_op(session: Session, body: Document) -> Document:
    """currentOp, of all shards."""
    session.client.must(["inprog"], "admin", "currentOp", cluster=True)
    found: list[Any] = []
    for name, shard in session.cluster.shards().items():
        answer = shard.run("admin", command_for(body), again=True)
        found += [{"shard": name, **one} for one in answer["inprog"]]
    return {"inprog": found, "ok": 1.0}


def not_here(session: Session, body: Document) -> Document:
    """Commands that a router refuses, as MongoDB's own router does."""
    raise CommandError(115, f"{next(iter(body))} is not supported through mongos")


def whats_my_uri(session: Session, body: Document) -> Document:
    """whatsmyuri."""
    return {"you": session.started.get("peer", ""), "ok": 1.0}


COMMANDS: dict[str, Command] = {
    "hello": hello,
    "ismaster": hello,
    "buildinfo": build_info,
    "serverstatus": server_status,
    "connectionstatus": connection_status,
    "logout": logout,
    "getcmdlineopts": cmd_line,
    "getlog": get_log,
    "getparameter": get_parameter,
    "getshardmap": shard_map,
    "getshardversion": shard_version,
    "flushrouterconfig": flush,
    "ping": fine,
    "endsessions": fine,
    "refreshsessions": fine,
    "killsessions": fine,
    "killallsessions": fine,
    "currentop": current_op,
    "whatsmyuri": whats_my_uri,
    "getdefaultrwconcern": passed_to_config("getDefaultRWConcern"),
    "setdefaultrwconcern": passed_to_config("setDefaultRWConcern"),
    "setfeaturecompatibilityversion": passed_to_config("setFeatureCompatibilityVersion"),
    "replsetgetstatus": not_here,
    "replsetgetconfig": not_here,
    "replsetinitiate": not_here,
    "replsetreconfig": not_here,
}
