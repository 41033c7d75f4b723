"""The board as visitors and the kernel see it: what is kept for all checks that ask, and what is raised where the board
can't be asked at all."""

import json
import re
import secrets
import shlex
import threading

from http_talk import Ask, talk
from reading import READ

NGINX = "/usr/sbin/nginx"
FPM = "/usr/sbin/php-fpm8.2"

# Every process that runs PHP-FPM: pid, then uid, groups and cgroup. Links in /proc can be read, not followed.
PHP_LOOK = r"""
for p in /proc/[0-9]*; do
    case $(readlink $p/exe) in */php-fpm*)
        echo "process ${p##*/} $(readlink $p/exe)"
        grep -E '^(Uid|Gid|Groups):' $p/status
        grep -E '^(0::|[0-9]+:name=systemd:)' $p/cgroup;;
    esac
done
ss -xlpnH | grep php-fpm
true
"""


class Process:
    """One that runs PHP-FPM."""

    def __init__(self, pid, program):
        self.pid, self.program = pid, program
        self.uid, self.groups, self.unit = 0, set(), ""

    def read(self, line):
        """A line of its status or of its control groups."""
        words = line.split()
        if line.startswith("Uid:"):
            self.uid = int(words[2])
        elif line.startswith(("Gid:", "Groups:")):
            self.groups |= {int(word) for word in words[1:]}
        elif line.endswith(".service"):
            self.unit = line.rpartition("/")[2]


class Board:
    """The site. What was asked once is kept, until ``forget``."""

    def __init__(self, box, probe, params, listeners, unmet, clock):
        self.clock = clock
        self.box, self.probe, self.params = box, probe, params
        self._listeners, self._unmet = listeners, unmet
        self.address, self.site = params["web_address"], params["site"]
        self.name = f"{self.site}{params['site_no']}.test"
        self.home, self.log = f"/srv/{self.site}", f"/var/log/nginx/{self.site}.log"
        self.token = secrets.token_hex(8)
        self._lock, self._kept = threading.RLock(), {}

    @property
    def web(self):
        """The box, which may have been rebooted since it was last looked at."""
        return self.box("web")

    def once(self, key, make):
        """What ``make`` gives, kept."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def forget(self):
        """Ask anew."""
        with self._lock:
            self._kept.clear()

    def unmet(self, expected, found, see, read, box="web"):
        """What a check raises: see the fixture of that name. ``read`` is a word of READ."""
        return self._unmet(box, expected=expected, found=found or "?", see=see, read=READ[read])

    def curl(self, path="/", options="", scheme="https"):
        """What a learner would type on web to see the same."""
        port = 443 if scheme == "https" else 80
        words = f"curl -sk {options} --resolve {self.name}:{port}:{self.address}".replace("  ", " ")
        return f"{words} {shlex.quote(f'{scheme}://{self.name}{path}')}"

    # -------------------------------------------------------------------------------------------------- who is it

    def sockets(self):
        """Everybody on web who waits for TCP clients, by the kernel's tables."""
        return self.once("sockets", lambda: [each for each in self._listeners("web") if each.protocol == "tcp"])

    def nginx(self):
        """The pid of nginx. Raises where it isn't there, or something else is."""
        here = [each for each in self.sockets() if each.port in (80, 443)]
        if not here:
            raise self.unmet(
                ("nginx on port 80 or 443", "nginx 在 80 或 443 端口上"),
                ("nobody listens there", "没有任何程序在监听"),
                "systemctl status nginx",
                "errors",
            )
        for each in here:
            if each.program != NGINX or not each.genuine:
                raise self.unmet(
                    (f"nginx as it was installed, on port {each.port}", f"{each.port} 端口上是安装时的 nginx 本身"),
                    (
                        f"{each.program or 'another program'}, or one that was changed",
                        f"{each.program or '别的程序'}，或者被改动过",
                    ),
                    "ss -ltnp",
                    "way",
                )
        return here[0].pid

    def php(self):
        """Processes of PHP-FPM, and its Unix sockets."""
        return self.once("php", self._php)

    def _php(self):
        processes, paths = [], []
        for line in self.web.run(PHP_LOOK).stdout.splitlines():
            words = line.split()
            if line.startswith("process "):
                processes.append(Process(int(words[1]), words[2]))
            elif line.startswith("u_"):
                paths.append(words[4])
            elif processes:
                processes[-1].read(line)
        return processes, paths

    def master(self):
        """The pid of PHP-FPM. Raises where it doesn't run."""
        processes, _ = self.php()
        if not processes:
            raise self.unmet(
                ("PHP-FPM, running", "PHP-FPM 正在运行"),
                ("no such process", "没有这个进程"),
                "systemctl status php8.2-fpm",
                "pool",
            )
        return min(process.pid for process in processes)

    def workers(self):
        """Those that run the program. A pool may start them only when somebody asks. Raises where there are none."""
        found = [process for process in self.php()[0] if process.pid != self.master()]
        if not found:
            self.answer("/api/health")
            with self._lock:
                self._kept.pop("php")
            found = [process for process in self.php()[0] if process.pid != self.master()]
        if not found:
            raise self.unmet(
                ("PHP-FPM with a worker for the board", "PHP-FPM 有运行留言板的工作进程"),
                ("none, not even when somebody asks", "没有，访问时也没有"),
                "systemctl status php8.2-fpm",
                "pool",
            )
        return found

    # ------------------------------------------------------------------------------------------ what does it answer

    def ask(self, *asked):
        """A reply to each, by nginx as it was installed."""
        self.nginx()
        return talk(self.probe, self.address, *asked, limit=self.clock.limit)

    def secure(self):
        """Whether the site is on HTTPS already. Raises where it is nowhere."""
        found = self.once("secure", self._secure)
        if isinstance(found, bool):
            return found
        raise self.unmet(
            (f"the board, from a server of the name {self.name}", f"名为 {self.name} 的 server 给出留言板"),
            found,
            self.curl("/", "-i"),
            "site",
        )

    def _secure(self):
        # A stylesheet needs neither PHP nor a database: whether they work is another task's matter.
        path = "/assets/board.css"
        asked = [Ask(self.name, path, secure=secure) for secure in (True, False)]
        replies = self.ask(*asked)
        for ask, reply in zip(asked, replies, strict=True):
            if reply.status == 200 and b"--paper" in reply.body:
                return ask.secure
        told = next((reply for reply in replies if reply.status), replies[-1])
        return f"{path}: {told.short()}"

    def get(self, path="/", *headers, method="", form=""):
        """Something to ask the site for, wherever it is."""
        return Ask(self.name, path, self.secure(), method, headers, form)

    def answer(self, path="/", *headers, method="", form=""):
        """The reply to that."""
        return self.ask(self.get(path, *headers, method=method, form=form))[0]

    def healthy(self):
        """Raises where the board doesn't reach its database."""
        reply = self.answer("/api/health")
        if as_json(reply).get("ok") is not True:
            raise self.unmet(
                ('{"ok":true,…} from /api/health', '/api/health 返回 {"ok":true,…}'),
                reply.short(),
                self.curl("/api/health", "-i"),
                "notes" if reply.status == 500 else "errors",
            )

    def post(self, author, text):
        """The number of a note that was just taken, or the reply that says why not."""
        form = f"author={escaped(author)}&text={escaped(text)}"
        reply = self.answer("/api/notes", method="POST", form=form)
        number = as_json(reply).get("id")
        return number if reply.status == 201 and isinstance(number, int) else reply


def as_json(reply):
    """The object in a reply; an empty one where there is none."""
    try:
        found = json.loads(reply.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def escaped(text):
    """As a form wants it, whatever it is."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def seconds_of(headers):
    """How long a reply may be kept, by its Cache-Control; 0 where that isn't said."""
    control = headers.get("cache-control", "").lower()
    found = re.search(r"max-age=(\d+)", control)
    return int(found[1]) if found and not re.search(r"no-store|no-cache", control) else 0
