"""The database server of db, asked by the toolbox's client: as root at its Unix socket, as the board from anywhere."""

import re
import threading

from reading import READ

PROGRAM = "/usr/sbin/mariadbd"
SOCKET = "/run/mysqld/mysqld.sock"
HERE = ("localhost", "127.0.0.1", "::1")
# They come with MariaDB, and nobody can log in as any but root, who must be root of the machine.
OWN = {("root", "localhost"), ("mysql", "localhost"), ("mariadb.sys", "localhost")}


class Store:
    """What was asked once is kept, until ``forget``."""

    def __init__(self, box, probe, params, listeners, unmet, clock):
        self.clock = clock
        self.box, self.probe, self.params = box, probe, params
        self._listeners, self._unmet = listeners, unmet
        self.address, self.schema = params["db_address"], params["db_name"]
        self.user, self.password = params["db_user"], params["db_password"]
        self._lock, self._kept = threading.RLock(), {}

    @property
    def db(self):
        """The box, which may have been rebooted since it was last looked at."""
        return self.box("db")

    def forget(self):
        """Ask anew."""
        with self._lock:
            self._kept.clear()

    def unmet(self, expected, found, see, read, box="db"):
        """What a check raises: see the fixture of that name. ``read`` is a word of READ."""
        return self._unmet(box, expected=expected, found=found or "?", see=see, read=READ[read])

    def server(self):
        """The sockets of MariaDB as it was installed. Raises where it isn't there, or something else is."""
        with self._lock:
            if "server" not in self._kept:
                self._kept["server"] = self._server()
            return self._kept["server"]

    def _server(self):
        sockets = [each for each in self._listeners("db") if each.protocol == "tcp" and each.port == 3306]
        for each in sockets:
            if each.program != PROGRAM or not each.genuine:
                raise self.unmet(
                    ("MariaDB as it was installed, at port 3306", "3306 端口上是安装时的 MariaDB 本身"),
                    (f"{each.program}, or one that was changed", f"{each.program}，或者被改动过"),
                    "ss -ltnp",
                    "database",
                )
        holders = self.db.run("ss -xlpnH src %s", SOCKET).stdout
        pids = {int(pid) for pid in re.findall(r"pid=(\d+)", holders)}
        if not sockets or pids != {each.pid for each in sockets}:
            raise self.unmet(
                (f"MariaDB at port 3306 and at {SOCKET}", f"MariaDB 在 3306 端口和 {SOCKET} 上"),
                ("nobody at that port", "这个端口上没有程序")
                if not sockets
                else ("another program at that socket, or none", "这个套接字上是别的程序，或者没有"),
                "systemctl status mariadb",
                "errors",
            )
        return sockets

    def root(self, sql):
        """The rows that MariaDB gives its administrator."""
        self.server()
        told = self.db.run("mysql -S %s -u root -N -B --raw -e %s", SOCKET, sql)
        if told.rc != 0:
            raise self.unmet(
                (
                    "that root of this machine is MariaDB's root, without a password, as it was installed",
                    "本机 root 就是 MariaDB 的 root，不需要密码，和刚安装时一样",
                ),
                told.stderr.strip()[:120],
                "mariadb -e 'SELECT CURRENT_USER()'",
                "rights",
            )
        return [line.split("\t") for line in told.stdout.splitlines()]

    def as_user(self, host, sql, user="", password="", where=()):
        """What the client says to somebody who logs in as the board, from that host: exit status and words."""
        self.server()
        where = where or ("-h", self.address)
        words = [
            *where,
            "-u",
            user or self.user,
            f"-p{password or self.password}",
            f"--connect-timeout={self.clock.limit(4):.0f}",
        ]
        told = host.run("mysql -N -B " + " ".join(["%s"] * len(words)) + " -e %s", *words, sql)
        return told.rc, (told.stdout if told.rc == 0 else told.stderr).strip()

    def accounts(self):
        """Who may log in: name and host of each account, without roles."""
        rows = self.root(
            "SELECT user, host FROM mysql.global_priv"
            " WHERE IFNULL(JSON_VALUE(priv, '$.is_role'), '') NOT IN ('1', 'true')"
        )
        return {(row[0], row[1] if len(row) > 1 else "") for row in rows}

    def no_strangers(self, when=("", "")):
        """Raises where somebody may log in from elsewhere who isn't the board. ``when`` is said in both languages."""
        for user, host in sorted(self.accounts() - OWN):
            if user == self.user or (host in HERE and user not in ("", "report")):
                continue
            raise self.unmet(
                (
                    f"no account for others than this machine and the board{when[0]}",
                    f"{when[1]}除了本机和留言板，没有别的账号能登录",
                ),
                f"'{user}'@'{host}'",
                "mariadb -e 'SELECT user, host FROM mysql.global_priv'",
                "leftover",
            )
