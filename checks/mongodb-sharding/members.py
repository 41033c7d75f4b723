"""One mongod or mongos of the lab: who it is by the kernel's tables, what it says, what its files say."""

import re
import shlex
import threading

import yaml
from mongo_wire import Client, RefusalError
from reading import READ

MONGOD = "/usr/bin/mongod"
OPTIONS = {
    "replSet": "replication.replSetName",
    "keyFile": "security.keyFile",
    "dbpath": "storage.dbPath",
    "port": "net.port",
    "bind_ip": "net.bindIp",
    "configdb": "sharding.configDB",
}
_SWITCHES = {"configsvr": "sharding.clusterRole", "shardsvr": "sharding.clusterRole", "bind_ip_all": "net.bindIpAll"}
SECONDARY = {"$readPreference": {"mode": "secondaryPreferred"}}


def flat(document, before=""):
    """Nested options as dotted names."""
    found = {}
    for name, value in document.items() if isinstance(document, dict) else ():
        path = f"{before}{name}"
        found |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return found


def from_words(words):
    """Options of a command line; ``config`` is the file's path."""
    found, words = {}, list(words)
    while words:
        name, equals, value = words.pop(0).partition("=")
        name = {"-f": "config"}.get(name, name.lstrip("-"))
        if name in _SWITCHES:
            found[_SWITCHES[name]] = name if name.endswith("svr") else True
        elif name in OPTIONS or name == "config":
            found[OPTIONS.get(name, name)] = value if equals else (words.pop(0) if words else "")
    return found


class Member:
    """The server at one port of one box."""

    def __init__(self, lab, name, port, set_name="", kind=""):
        self.lab, self.name, self.port, self.set_name, self.kind = lab, name, port, set_name, kind
        self.address = lab.params[f"{name}_address"]
        self._lock, self._kept = threading.RLock(), {}

    def once(self, key, make):
        """What was asked once is kept, until ``forget``."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def forget(self):
        """Ask anew."""
        with self._lock:
            self._kept.clear()

    def unmet(self, expected, found, see, read):
        """What a check raises. ``read`` is a word of READ."""
        if isinstance(found, Exception):
            found = str(found) or type(found).__name__
        return self.lab.unmet(self.name, expected=expected, found=found, see=see, read=READ[read])

    def shell(self, words, user=""):
        """A line of mongosh for the learner to type."""
        return f"mongosh --port {self.port} {user}--eval '{words}'"

    # ------------------------------------------------------------------------------------------------------ who is it

    def socket(self, read):
        """The genuine server that listens here. Raises where there is none, or another."""
        what = "mongod" if self.kind else "mongos"

        def look(again=True):
            here = [one for one in self.lab.sockets(self.name, again) if one.port == self.port]
            if not here:
                expected = (f"a {what} at port {self.port}", f"{self.port} 端口上有 {what}")
                raise self.unmet(expected, ("nobody listens there", "没有程序在监听"), "ss -ltnp", read)
            return here

        here = self.once("sockets", lambda: self.lab.settled(look) if self.lab.starting(self.name) else look(False))
        for one in here:
            fine = one.program == MONGOD if self.kind else self._is_router(one)
            if not (fine and one.genuine):
                expected = (f"{what} as it was installed, at port {self.port}", f"{self.port} 端口上是安装时的 {what}")
                raise self.unmet(expected, self._stranger(one, fine), "ps axf", read)
        return here[0]

    def _stranger(self, one, fine):
        """Why that isn't the server as it was installed."""
        if not fine:
            return f"{one.program or '?'} (pid {one.pid})"
        # The JavaScript engine executes what it makes itself.
        if "noscripting" not in str(self.words(one.pid)) and "security.javascriptEnabled" not in self._options(
            self.words(one.pid)
        ):
            return ("it may execute JavaScript (javascriptEnabled)", "它能执行 JavaScript（javascriptEnabled）")
        return (
            f"{one.program}, changed since, or executing what was",
            f"{one.program}，但它（或它执行的代码）被改动过",
        )

    def _is_router(self, one):
        """MongoDB's mongos, or the image's stand-in for it."""
        if one.program == "/usr/bin/mongos":
            return True
        words = self.words(one.pid)
        return bool(re.match(r"/usr/bin/python3(\.\d+)?$", one.program or "")) and "/usr/bin/mongos" in words[1:3]

    def words(self, pid):
        """A process' command line."""
        return self.lab.box(self.name).run("cat /proc/%s/cmdline", str(pid)).stdout.rstrip("\0").split("\0")

    def file(self, path):
        """A file's text as the box has it; nothing where there is none."""
        return self.lab.box(self.name).run("cat -- %s", path).stdout

    def options(self, read):
        """What it was started with: its command line, and its file as it is now."""
        return self.once("options", lambda: self._options(self.words(self.socket(read).pid)))

    def _options(self, words):
        said = from_words(words[1:])
        try:
            written = yaml.safe_load(self.file(said["config"])) if "config" in said else {}
        except yaml.YAMLError:
            written = {}
        return {**flat(written or {}), **said}

    def unit(self, read):
        """The unit that its process is in."""
        text = self.file(f"/proc/{self.socket(read).pid}/cgroup")
        found = re.search(r"/([\w.@\\:-]+\.service)\s*$", text, re.MULTILINE)
        return found[1] if found else ""

    def started_by(self, unit):
        """The command line that systemd would start that unit with; nothing where that can't be told."""
        text = self.lab.box(self.name).run("systemctl --root=/ cat -- %s", unit).stdout
        lines = re.findall(r"^ExecStart=(.*(?:\\\n.*)*)", text, re.MULTILINE)
        last = lines[-1].replace("\\\n", " ") if lines else ""
        name = unit.removesuffix(".service").partition("@")[2]
        line = last.lstrip("@-:+!").replace("%i", name).replace("%I", name)
        try:
            return [] if "$" in line or "%" in line else shlex.split(line)
        except ValueError:
            return []

    # ------------------------------------------------------------------------------------------------ what does it say

    def dial(self, read):
        """A connection from outside of the box. Raises where there is none."""
        self.socket(read)
        try:
            return Client(self.lab.dial(self.address, self.port))
        except OSError as error:
            expected = (f"connections to {self.address} port {self.port}", f"能连上 {self.address} 的 {self.port} 端口")
            refused = isinstance(error, ConnectionRefusedError)
            found = ("refused: it doesn't listen there", "被拒绝：没有在那个地址上监听")
            other = ("no answer", "没有应答")
            raise self.unmet(expected, found if refused else other, "ss -ltnp", read) from None

    def hello(self, read, again=False):
        """What it says of itself to anybody."""
        if again:
            self.forget()
        return self.once("hello", lambda: self.talk(read, lambda client: client.ask("admin", {"hello": 1})))

    def talk(self, read, say, login=None):
        """A conversation with it; ``login`` is user, password, database. Raises unmet where it refuses."""
        with self.dial(read) as client:
            try:
                if login:
                    client.login(*login)
                return say(client)
            except RefusalError as refusal:
                expected = (
                    f"an answer from {self.address} port {self.port}",
                    f"{self.address} 的 {self.port} 端口有应答",
                )
                found = f"{login[0]}: {refusal}" if login else str(refusal)
                raise self.unmet(expected, found, self.shell("db.hello()"), read) from None
            except (OSError, KeyError, ValueError, IndexError) as error:
                expected = (
                    f"MongoDB at {self.address} port {self.port}",
                    f"{self.address} 的 {self.port} 端口是 MongoDB",
                )
                raise self.unmet(expected, error, self.shell("db.hello()"), "errors") from None

    def key(self, read):
        """The text of its key file, without white space. Raises where it has none."""
        path = str(self.options(read).get("security.keyFile", ""))
        text = "".join(self.file(path).split()) if path else ""
        if not text:
            expected = (f"a key file for the server at port {self.port}", f"{self.port} 端口的服务用了密钥文件")
            found = (
                (f"{path}: empty, or not there", f"{path}：不存在或为空")
                if path
                else ("no keyFile", "没有配置 keyFile")
            )
            raise self.unmet(expected, found, "grep -r keyFile /etc/mongod /etc/mongos.conf", "auth")
        return text

    def inside(self, read, say):
        """A conversation as a member of the cluster, which may everything. It answers also while it isn't the primary:
        that may be another one from one moment to the next."""

        def reading(client):
            client.more = SECONDARY
            return say(client)

        return self.talk(read, reading, ("__system", self.key(read), "local"))
