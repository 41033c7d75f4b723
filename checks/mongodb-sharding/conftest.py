"""What all checks of this lab share: the ten servers, and where a document really lies."""

import secrets
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from members import Member
from mongo_wire import RefusalError
from reading import READ

NODES = ("node1", "node2", "node3")
KINDS = ("config", "a", "b")
PATIENCE = 14.0
AFTER_BOOT = 75.0


class Cluster:
    """The lab's servers: ``members[kind]`` are three, ``router`` is the mongos."""

    def __init__(self, box, dial, params, listeners, unmet, every, clock):
        self.clock = clock
        self.box, self.dial, self.params, self.unmet, self.every = box, dial, params, unmet, every
        self._listeners, self._sockets, self._starting, self._until, self.lost = listeners, {}, {}, 0.0, ""
        self.members = {
            kind: [Member(self, node, params[f"{kind}_port"], params[f"{kind}_set"], kind) for node in NODES]
            for kind in KINDS
        }
        self.router = Member(self, "router", params["router_port"])
        self.all = [*(one for three in self.members.values() for one in three), self.router]
        self.ns = f"{params['db']}."

    def forget(self):
        """Ask anew: boxes may be other machines by now."""
        self._sockets.clear()
        self._starting.clear()
        self._until = 0.0
        for one in self.all:
            one.forget()

    def sockets(self, name, again=False):
        """Everybody in the box who waits for TCP clients."""
        if again or name not in self._sockets:
            self._sockets[name] = [one for one in self._listeners(name) if one.protocol == "tcp"]
        return self._sockets[name]

    def within(self, seconds, look):
        """Look again and again until nothing is unmet any more; what still is when the time is over is raised."""
        deadline = self.clock() + seconds
        while True:
            try:
                return look()
            except AssertionError:
                if self.clock() > deadline:
                    raise
            time.sleep(0.3)

    def settled(self, look):
        """Like ``within``, for what needs an election: all checks of a run together wait no longer than PATIENCE, or
        AFTER_BOOT where boxes have just been booted."""
        if not self._until:
            patience = AFTER_BOOT if any(self.starting(name) for name in (*NODES, "router")) else PATIENCE
            self._until = self.clock() + patience
        return self.within(max(0.0, self._until - self.clock()), look)

    def starting(self, name):
        """Whether a box was booted a moment ago, and starts servers of the cluster by itself. Not one that is off."""
        if name == self.lost:
            return False
        if name not in self._starting:
            told = self.box(name).run(
                "cut -d' ' -f22 /proc/1/stat; cut -d' ' -f1 /proc/uptime"
                "; cd /etc/systemd/system/multi-user.target.wants"
                " && grep -lE '^ExecStart=.*/mongo[ds] ' * | grep -vx mongod.service"
            )
            since, now, *units = [*told.stdout.split(), "0", "0"] if told.stdout else ["0", "0"]
            young = float(now) - int(since) / 100 < AFTER_BOOT
            self._starting[name] = young and any(one.endswith(".service") for one in units)
        return self._starting[name]

    def primary(self, kind, read, seconds=None):
        """The primary of a set. Raises where there is none."""

        def look():
            there = []
            for one in self.members[kind]:
                try:
                    if one.hello(read, again=True).get("isWritablePrimary"):
                        there.append(one)
                except AssertionError:
                    continue
            if not there:
                one = self.members[kind][0]
                one.hello(read)
                expected = (f"a primary in {one.set_name}", f"{one.set_name} 里有主节点")
                found = ("none: no majority of its members agrees", "没有：凑不齐多数成员")
                raise one.unmet(expected, found, one.shell("rs.status()"), "set")
            return there[-1]

        for one in self.members[kind]:
            try:
                if one.hello(read).get("isWritablePrimary"):
                    return one
            except AssertionError:
                continue
        one = self.members[kind][0]
        if not one.hello(read).get("setName"):
            return look()
        return self.within(seconds, look) if seconds else self.settled(look)

    # ------------------------------------------------------------------------------------------------- what it knows

    def known(self, read, say):
        """A conversation with the primary of the config servers."""
        return self.primary("config", read).inside(read, say)

    def login(self):
        """The administrator's, at the router."""
        return (self.params["admin"], self.params["admin_password"], "admin")

    def at_router(self, read, say):
        """A conversation with the router, as the administrator."""
        return self.router.talk(read, say, self.login())

    def shell(self, words):
        """A line for the learner to type at the router."""
        return self.router.shell(words, f"-u {self.params['admin']} -p {self.params['admin_password']} ")

    def shards(self, read):
        """The cluster's shards: the set's name to its entry. Raises where one of the lab's is missing."""
        entries = self.known(read, lambda client: client.find("config", "shards"))
        found = {str(one["host"]).partition("/")[0]: one for one in entries}
        for kind in ("a", "b"):
            name = self.params[f"{kind}_set"]
            if name not in found:
                raise self.router.unmet(
                    (f"the shard {name} in the cluster", f"集群里有分片 {name}"),
                    (f"shards: {', '.join(found) or 'none'}", f"分片：{'、'.join(found) or '一个也没有'}"),
                    self.shell("sh.status()"),
                    "add-shards",
                )
        return found

    def chunks(self, name, key, read):
        """The chunks of a collection, in order, each with the set that has it. Raises where it isn't sharded so."""
        ns = self.ns + name
        shards = {entry["_id"]: set_name for set_name, entry in self.shards(read).items()}

        def say(client):
            entry = next(iter(client.find("config", "collections", {"_id": ns})), None)
            query = {"uuid": entry["uuid"]} if entry else {"ns": ns}
            return entry, client.find("config", "chunks", query, sort={"min": 1})

        entry, chunks = self.known(read, say)
        if entry is None or list(entry["key"].items()) != list(key.items()):
            words = ", ".join(f"{field}: {kind}" for field, kind in key.items())
            found = (f"{ns} is not sharded", f"{ns} 没有分片") if entry is None else str(entry["key"])
            expected = (f"{ns} sharded by {{{words}}}", f"{ns} 按 {{{words}}} 分片")
            raise self.router.unmet(expected, found, self.shell("sh.status()"), read)
        for one in chunks:
            one["set"] = shards.get(one["shard"], one["shard"])
        return chunks

    # --------------------------------------------------------------------------------------------- where it really is

    def written(self, name, documents, read, look):
        """Write these through the router, let ``look(token)`` see where they are, and take them away again."""
        token = f"labctl-{secrets.token_hex(8)}"
        documents = [{**one, "labctl": token} for one in documents]
        db, concern = self.params["db"], {"w": "majority", "wtimeout": round(self.clock.limit(8) * 1000)}

        def say(client):
            try:
                told = client.ask(db, {"insert": name, "documents": documents, "writeConcern": concern})
                if told.get("n") != len(documents):
                    raise RefusalError({"errmsg": str(told.get("writeErrors", told))})
                return look(token)
            finally:
                client.ask(db, {"delete": name, "deletes": [{"q": {"labctl": token}, "limit": 0}]})

        return self.at_router(read, say)

    def there(self, member, name, query, read):
        """Documents that this member has by itself."""
        db = self.params["db"]
        return member.inside(read, lambda client: client.find(db, name, query))


@pytest.fixture(scope="session")
def cluster(box, dial, params, listeners, unmet, every, clock):
    """The lab's ten servers."""
    return Cluster(box, dial, params, listeners, unmet, every, clock)


@pytest.fixture(scope="session")
def read():
    """Headings of the briefs."""
    return READ
