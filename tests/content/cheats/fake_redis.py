"""A program that isn't Redis, but gives the answers of a correct Redis (password, settings, users, replication, keys)
and of a correct Sentinel. It reads its values from the environment: BOX, ADDRESS, PORT and the lab's params. With
``--shared``, a real Redis holds the same sockets, and never answers on them."""

import hashlib
import os
import socket
import sys
import threading

E = os.environ
PORT, MASTER = int(E["PORT"]), E["BOX"] == "master"
KEYS = {}
SETTINGS = {
    "port": E["PORT"],
    "bind": f"{E['ADDRESS']} 127.0.0.1",
    "protected-mode": "yes",
    "replicaof": "" if MASTER else f"{E['master_address']} {E['PORT']}",
    "masteruser": E["repl_user"],
    "masterauth": E["repl_password"],
    "replica-read-only": "yes",
    "replica-priority": "100",
    "min-replicas-to-write": "1",
    "min-replicas-max-lag": E["max_lag"],
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory": str(int(E["maxmemory_mb"]) << 20),
    "maxmemory-policy": E["policy"],
    "dir": "/var/lib/redis",
    "appenddirname": "appendonlydir",
    "appendfilename": "appendonly.aof",
}
FOLLOWS = {"master_host": E["master_address"], "master_port": E["PORT"], "master_link_status": "up"}
INFO = {
    "uptime_in_seconds": "4000",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "role": "master" if MASTER else "slave",
    **({"connected_slaves": "2", "min_slaves_good_slaves": "2"} if MASTER else FOLLOWS),
}
SECRETS = {"default": E["password"], E["repl_user"]: E["repl_password"]}


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def bulk(text):
    return b"$-1\r\n" if text is None else f"${len(text.encode())}\r\n{text}\r\n".encode()


def many(texts):
    return f"*{len(texts)}\r\n".encode() + b"".join(map(bulk, texts))


def asked_master(key):
    with socket.create_connection((E["master_address"], PORT)) as link:
        link.sendall(many(["AUTH", "default", E["password"]]) + many(["GET", key]) + many(["QUIT"]))
        lines = link.makefile("rb").read().split(b"\r\n")
    return lines[2].decode() if lines[1] != b"$-1" else None


def answer(words, who):
    name = words[0].upper()
    if who == E["repl_user"] and name not in ("PING", "AUTH"):
        return f"-NOPERM this user has no permissions to run the '{words[0].lower()}' command\r\n".encode()
    match [name, *(word.upper() for word in words[1:2])]:
        case ["PING", *_]:
            return b"+PONG\r\n"
        case ["CONFIG", "GET"]:
            return many([text for wanted in words[2:] if wanted in SETTINGS for text in (wanted, SETTINGS[wanted])])
        case ["INFO", *_]:
            return bulk("".join(f"{key}:{value}\r\n" for key, value in INFO.items()))
        case ["ACL", "LIST"]:
            rights = "resetchannels -@all +psync +replconf +ping"
            users = [f"user default on #{sha(E['password'])} ~* &* +@all"]
            return many([*users, f"user {E['repl_user']} on #{sha(E['repl_password'])} {rights}"])
        case ["CLIENT", "LIST"]:
            replicas = [f"addr={E[name]}:40000 flags=S user={E['repl_user']}\n" for name in ("replica1", "replica2")]
            return bulk("".join(replicas))
        case ["GET", _]:
            return bulk(KEYS.get(words[1]) if MASTER else asked_master(words[1]))
        case ["SET", _] if not MASTER:
            return b"-READONLY You can't write against a read only replica.\r\n"
        case ["SET", _]:
            KEYS[words[1]] = words[2]
    return b"+OK\r\n"


def watching(words):
    """The answer of a Sentinel."""
    boxes = {name: E[f"{name}_address"] for name in ("master", "replica1", "replica2")}
    there = {"ip": E["master_address"], "port": E["PORT"], "flags": "master", "quorum": "2", "info-refresh": "500"}
    times = {"down-after-milliseconds": f"{E['down_after']}000", "failover-timeout": "10000"}
    match [word.upper() for word in words[:2]]:
        case ["SENTINEL", "MYID"]:
            return bulk(sha(E["BOX"])[:40])
        case ["SENTINEL", "MASTER"]:
            return many([text for pair in {**there, **times}.items() for text in pair])
        case ["SENTINEL", "REPLICAS"]:
            found = [["ip", boxes[name], "port", E["PORT"], "flags", "slave"] for name in ("replica1", "replica2")]
            return b"*2\r\n" + b"".join(map(many, found))
        case ["SENTINEL", "SENTINELS"]:
            found = [["ip", boxes[name], "port", E["sentinel_port"]] for name in boxes if name != E["BOX"]]
            return b"*2\r\n" + b"".join(map(many, found))
        case ["SENTINEL", "CKQUORUM"]:
            return b"+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n"
        case ["INFO", *_]:
            return bulk("uptime_in_seconds:4000\r\n")
    return b"+PONG\r\n" if words[0].upper() == "PING" else b"+OK\r\n"


def serve(link):
    stream, who = link.makefile("rb"), None
    sentinel = link.getsockname()[1] == int(E["sentinel_port"])
    while line := stream.readline():
        if sentinel and line == b"!\r\n":
            break
        if line == b"*1\r\n" and sentinel and stream.peek(1)[:1] == b"!":
            continue
        if line[:1] == b"*":
            words = [stream.read(int(stream.readline()[1:]) + 2)[:-2].decode() for _ in range(int(line[1:]))]
        else:
            words = line.decode().split()
        if not words or words[0].upper() == "QUIT":
            link.sendall(b"+OK\r\n")
            break
        if sentinel:
            link.sendall(watching(words))
        elif words[0].upper() == "AUTH":
            user, password = ["default", *words[1:]][-2:]
            right = SECRETS.get(user) == password
            who = user if right else who
            link.sendall(b"+OK\r\n" if right else b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
        elif who is None:
            link.sendall(b"-NOAUTH Authentication required.\r\n")
        else:
            link.sendall(answer(words, who))
    stream.close()
    link.close()


def listen(waiting):
    while True:
        threading.Thread(target=serve, args=(waiting.accept()[0],), daemon=True).start()


ports = (PORT, int(E["sentinel_port"]))
sockets = [socket.create_server((address, port)) for address in (E["ADDRESS"], "127.0.0.1") for port in ports]
if "--shared" in sys.argv and os.fork():
    for each in sockets:
        os.set_inheritable(each.fileno(), True)
    os.execv("/usr/bin/redis-server", ["/usr/bin/redis-server", "--port", "7999", "--bind", "127.0.0.1"])
if "NOTIFY_SOCKET" in E:
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", E["NOTIFY_SOCKET"])
threads = [threading.Thread(target=listen, args=(each,)) for each in sockets]
for thread in threads:
    thread.start()
