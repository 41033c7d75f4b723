"""The program: options, the config servers, and a thread for each client."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import standin
from standin import about, access, admin, catalog, data, log, options, wire
from standin.backend import Document
from standin.cluster import Cluster
from standin.errors import CommandError
from standin.session import Session

COMMANDS: dict[str, Callable[[Session, Document], Document]] = {
    **about.COMMANDS,
    **admin.COMMANDS,
    **dict.fromkeys(("find", "aggregate", "insert", "update", "delete"), data.routed),
    "count": data.count,
    "distinct": data.distinct,
    "findandmodify": data.find_and_modify,
    "getmore": data.get_more,
    "killcursors": data.kill_cursors,
    "explain": data.explain,
    "listdatabases": catalog.list_databases,
    "listcollections": catalog.list_collections,
    "listindexes": catalog.list_indexes,
    "create": catalog.create,
    "createindexes": catalog.create_indexes,
    "dropindexes": catalog.drop_indexes,
    "deleteindexes": catalog.drop_indexes,
    "drop": catalog.drop,
    "dropdatabase": catalog.drop_database,
    "collmod": catalog.coll_mod,
    "renamecollection": catalog.rename,
    "collstats": catalog.coll_stats,
    "dbstats": catalog.db_stats,
    "datasize": catalog.data_size,
    "validate": catalog.validate,
}


def answer(session: Session, body: Document) -> Document:
    """Return the answer to a command; an error has MongoDB's form."""
    name = next(iter(body), "")
    try:
        if name in ("saslStart", "saslContinue"):
            return session.client.sasl(body)
        command = COMMANDS.get(name.lower())
        if command is None:
            raise CommandError(59, f"no such command: '{name}' (this is {standin.ABOUT})")
        free = command in (about.hello, about.build_info, about.fine, about.connection_status, about.logout)
        if not free and (session.client.user or not _first(session, name)):
            session.client.known(name)
        return command(session, body)
    except CommandError as error:
        return error.answer
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        log.say("a command that could not be read", "W", "COMMAND", command=name, why=repr(error))
        return CommandError(9, f"Failed to parse {name}: {error!r}").answer


def _first(session: Session, name: str) -> bool:
    """Return whether a client may do this because the cluster has no user yet."""
    return session.client.may(name, "admin", cluster=name == "addShard")


def serve(sock: socket.socket, cluster: Cluster, secured: bool, started: Document) -> None:
    """Serve one client until it disconnects."""
    peer = sock.getpeername()
    own = {name[0] for name in (sock.getsockname(),)}
    client = access.Client(cluster, secured, peer[0] in ("127.0.0.1", "::1") and peer[0] in own)
    session = Session(cluster, client, {**started, "peer": f"{peer[0]}:{peer[1]}"})
    log.say("Connection accepted", component="NETWORK", remote=session.started["peer"], connectionId=session.number)
    try:
        while True:
            request = wire.read_request(sock)
            reply = answer(session, request.body)
            if not request.silent:
                wire.send_reply(sock, request, reply)
    except (OSError, wire.BrokenError):
        pass
    finally:
        client.close()
        sock.close()
        log.say("Connection ended", component="NETWORK", remote=session.started["peer"], connectionId=session.number)


def registered(cluster: Cluster, port: int) -> None:
    """Report every ten seconds to the config servers that this router runs, as a mongos does."""
    name, since = f"{socket.gethostname()}:{port}", datetime.datetime.now(datetime.UTC)
    while True:
        now = datetime.datetime.now(datetime.UTC)
        entry: Document = {
            "created": since,
            "mongoVersion": f"{standin.VERSION}-{standin.NAME}",
            "ping": now,
            "up": int((now - since).total_seconds()),
            "waiting": True,
        }
        update = {"q": {"_id": name}, "u": {"$set": entry}, "upsert": True}
        try:
            cluster.config.run("config", {"update": "mongos", "updates": [update]}, again=True)
        except CommandError as error:
            log.say("the config servers can't be told", "W", why=str(error))
        time.sleep(10)


def _listening(said: dict[str, Any], port: int) -> list[socket.socket]:
    text = str(said.get("bind_ip") or "localhost")
    names = ["0.0.0.0"] if said.get("bind_ip_all") or text == "*" else [name.strip() for name in text.split(",")]
    socks = []
    for name in names:
        address = "127.0.0.1" if name == "localhost" else name
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            socks.append(socket.create_server((address, port), family=family, backlog=128))
        except OSError as error:
            log.say("Failed to set up listener", "E", "NETWORK", error=f"{name}:{port}: {error.strerror}")
            sys.exit(48)
    return socks


def _fail(message: str) -> NoReturn:
    print(f"{message}\ntry 'mongos --help' for more information", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Run mongos."""
    try:
        said = options.parse(sys.argv[1:])
        if said.get("version"):
            print(f"mongos version v{standin.VERSION}\n{standin.ABOUT}")
            return
        if "/" not in str(said.get("configdb", "")):
            raise options.WrongOptionError(
                "BadValue: error: no args for --configdb: <config replset name>/<host1:port>[,<host2:port>]"
            )
        if said.get("logpath"):
            log.to_file(str(said["logpath"]), bool(said.get("logappend")))
        port = int(said.get("port", 27017))
        key = ""
        if "keyFile" in said:
            try:
                key = options.key(str(said["keyFile"]))
            except options.WrongOptionError as error:
                log.say(str(error), "E", "ACCESS")
                _fail(str(error))
    except options.WrongOptionError as error:
        _fail(f"Error: {error}")
    except OSError as error:
        _fail(f"Can't initialize rotatable log file :: caused by :: {error}")
    except ValueError as error:
        _fail(f"Error parsing command line: {error}")
    if said.get("fork") and os.fork():
        os._exit(0)
    run(said, port, key)


def run(said: dict[str, Any], port: int, key: str) -> None:
    """Serve until a signal ends this program."""
    if said.get("fork"):
        os.setsid()
    if said.get("pidfilepath"):
        Path(str(said["pidfilepath"])).write_text(f"{os.getpid()}\n", encoding="utf-8")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    log.say(f"***** SERVER RESTARTED *****: {standin.ABOUT}", "W", "CONTROL")
    cluster = Cluster(str(said["configdb"]), key)
    while True:
        try:
            cluster.read("shards", {})
            break
        except CommandError as error:
            log.say("Error initializing sharding state, sleeping for 2 seconds and retrying", "W", error=str(error))
            time.sleep(2)
    started: Document = {
        "argv": sys.argv,
        "parsed": options.nested({**said, "port": port}),
        "time": time.time(),
        "port": port,
    }
    threading.Thread(target=registered, args=(cluster, port), daemon=True).start()
    socks = _listening(said, port)
    for sock in socks[1:]:
        threading.Thread(target=_accept, args=(sock, cluster, bool(key), started), daemon=True).start()
    log.say("Waiting for connections", component="NETWORK", port=port)
    _accept(socks[0], cluster, bool(key), started)


def _end(*_: object) -> NoReturn:
    log.say("received a signal to end", component="CONTROL")
    os._exit(0)


def _accept(listening: socket.socket, cluster: Cluster, secured: bool, started: Document) -> None:
    while True:
        try:
            sock, _ = listening.accept()
        except OSError as error:
            log.say("a client could not be accepted", "W", "NETWORK", error=str(error))
            time.sleep(0.1)
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock, cluster, secured, started), daemon=True).start()
