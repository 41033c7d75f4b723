"""The database server of db, asked by the toolbox's client: as root at its Unix socket, as others from their boxes."""

import re
import threading

from mysql_brief import READ

PROGRAM = "/usr/sbin/mariadbd"
SOCKET = "/run/mysqld/mysqld.sock"
CLIENT = "mysql -N -B --raw --default-character-set=utf8mb4"
# What a learner may have set for everybody must not change what a check's own statements mean.
SESSION = (
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES', autocommit = 1, foreign_key_checks = 1, unique_checks = 1,"
    " check_constraint_checks = 1, innodb_lock_wait_timeout = {short}, lock_wait_timeout = {short},"
    " max_statement_time = {long},"
    " max_recursive_iterations = 1000"
)


class Server:
    """Who listens is asked once, until ``forget``; what a server says is asked each time."""

    def __init__(self, box, probe, params, listeners, unmet, clock):
        self.clock = clock
        self.box, self.probe, self.params = box, probe, params
        self.started_by_itself = True
        self._listeners, self._unmet = listeners, unmet
        self._lock, self._kept = threading.RLock(), {}

    @property
    def db(self):
        """The box, which may have been rebooted since it was last looked at."""
        return self.box("db")

    def forget(self):
        """Ask anew."""
        with self._lock:
            self._kept.clear()

    def _once(self, key, make):
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def unmet(self, expected, found, see, read, box="db"):
        """What a check raises: see the fixture of that name. ``read`` is a word of READ."""
        return self._unmet(box, expected=expected, found=found or "?", see=see, read=READ[read])

    # ------------------------------------------------------------------------------------------ who is it, and where

    def sockets(self):
        """Everybody on db who waits for TCP clients, by the kernel's tables."""
        return self._once("sockets", lambda: [s for s in self._listeners("db") if s.protocol == "tcp"])

    def pids(self):
        """Who holds the Unix socket of MariaDB."""
        found = self._once("unix", lambda: self.db.run("ss -xlpnH src %s", SOCKET).stdout)
        return {int(pid) for pid in re.findall(r"pid=(\d+)", found)}

    def ports(self):
        """The TCP sockets of MariaDB, as it was installed. Raises where it doesn't run, or something else does."""
        pids = self.pids()
        own = [each for each in self.sockets() if each.pid in pids]
        if not pids:
            raise self.unmet(
                (f"MariaDB at {SOCKET} (task start)", f"MariaDB 在 {SOCKET} 上（任务 start）"),
                ("nobody there", "那里没有程序"),
                "systemctl status mariadb",
                "start",
            )
        if not own:
            raise self.unmet(
                ("MariaDB at a TCP port", "MariaDB 在某个 TCP 端口上"),
                ("it listens at no port", "它没有监听任何端口"),
                "ss -ltnp",
                "listen",
            )
        strangers = [each.program or "?" for each in own if each.program != PROGRAM or not each.genuine]
        if strangers or pids != {each.pid for each in own}:
            program = strangers[0] if strangers else "?"
            raise self.unmet(
                ("MariaDB as it was installed", "安装时的 MariaDB 本身"),
                (f"{program}, or one that was changed", f"{program}，或者被改动过"),
                "ps axf",
                "start",
            )
        return own

    # ---------------------------------------------------------------------------------------------- what does it say

    def _session(self):
        return SESSION.format(short=round(self.clock.limit(3)), long=round(self.clock.limit(10)))

    def client(self, host, where, sql, options=""):
        """Exit status, rows and errors of the client."""
        words = " ".join(["%s"] * len(where))
        # What -e finds set of --force it takes back.
        told = host.run(f"{CLIENT} --connect-timeout={self.clock.limit(5):.0f} {words} -e %s {options}", *where, sql)
        if told.rc in (126, 127):
            raise RuntimeError(f"the client could not run: {told.stderr}")
        rows = [line.split("\t") for line in told.stdout.split("\n") if line]
        return told.rc, rows, " ".join(told.stderr.split())

    def attempt(self, sql, schema="shop"):
        """As root, and go on where a statement fails: rows and errors."""
        self.ports()
        where = ("-S", SOCKET, "-u", "root", "-D", schema)
        return self.client(self.db, where, f"{self._session()}; {sql}", "--force")[1:]

    def root(self, sql, read="errors", schema="shop"):
        """The rows that MariaDB gives its administrator. Raises where it refuses."""
        self.ports()
        where = ("-S", SOCKET, "-u", "root", *(("-D", schema) if schema else ()))
        status, rows, errors = self.client(self.db, where, f"{self._session()}; {sql}")
        if status:
            raise self.unmet(
                (
                    "an answer to root of this machine, who needs no password",
                    "本机 root 不用密码就能得到回答",
                )
                if "ERROR 1045" in errors or "ERROR 1698" in errors
                else (f"an answer to {sql[:70]}", f"{sql[:70]} 有回答"),
                brief(errors),
                "mariadb shop",
                "secure" if "ERROR 1045" in errors or "ERROR 1698" in errors else read,
            )
        return rows

    def one(self, sql, read="errors"):
        """The one value that this gives, as text."""
        rows = self.root(sql, read)
        return rows[-1][0] if rows and rows[-1] else ""

    def login(self, box, user, password, sql, schema="shop"):
        """What that user is told, who logs in over the network from that box (or from elsewhere: "probe")."""
        here = {each.address for each in self.ports()}
        port = str(self.ports()[0].port)
        address = self.params["db_address"] if box != "db" or "127.0.0.1" not in here else "127.0.0.1"
        host = self.probe if box == "probe" else self.box(box)
        where = ("-h", address, "-P", port, "-u", user, f"-p{password}", *(("-D", schema) if schema else ()))
        if not password:
            where = (*(word for word in where if word != "-p"), "--skip-password")
        return self.client(host, where, sql)


def brief(errors):
    """The first error, short."""
    found = re.search(r"ERROR.*", errors)
    return (found[0] if found else errors)[:150] or ("no answer", "没有回答")
