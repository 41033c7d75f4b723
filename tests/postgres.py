"""PostgreSQL for tests: a server of the test's own, in a folder of its own, that listens on a Unix socket only."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from fakes import until

_USER = "postgres"


class Server:
    """A running cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"postgresql://{_USER}@/postgres?host={quote(str(folder), safe='')}"

    def create(self) -> str:
        """Create a new, empty schema and return its URL. A schema is as good as a database here, and is created
        faster."""
        name = f"labctl_{uuid.uuid4().hex[:12]}"
        with self.connect() as connection:
            connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        return f"{self.url}&options=-csearch_path%3D{name}"

    def connect(self, url: str = "") -> psycopg.Connection:
        """Return a connection of the driver itself, to inspect the database without labctl."""
        return psycopg.connect(url or self.url, autocommit=True)


@contextmanager
def running() -> Iterator[Server]:
    """Run a server inside the ``with`` block. The server also ends if this process is killed."""
    # Not pytest's own folder: another user can't enter it, and the path of a socket has at most 107 characters.
    # Not TMPDIR either: it may lie below a home folder that is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="labctl-pg-", dir="/tmp"))
    process = None
    try:
        as_user = _own(folder)
        _run(
            *as_user, _program("initdb"), "--auth=trust", f"--username={_USER}", "--no-sync", "-E", "UTF8", folder / "d"
        )
        options = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off", "timezone": "UTC"}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log = (folder / "log").open("wb")
        with log:
            process = subprocess.Popen([*as_user, _program("postgres"), "-D", folder / "d", *words], stderr=log)
        server = Server(folder)
        _await(server, process)
        yield server
    finally:
        if process is not None:
            process.send_signal(3)  # SIGQUIT: immediate shutdown
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _own(folder: Path) -> list[str]:
    """Return the prefix of a command that drops root and ends the command with this process."""
    words = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, _USER)
        except LookupError:
            raise _missing(f"there is no user {_USER}") from None
        words += ["--reuid", _USER, "--regid", _USER, "--clear-groups"]
    return words


def _program(name: str) -> str:
    # Debian keeps these programs out of PATH, in a folder for each version.
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda file: int(file.parts[4].split(".")[0]))
    program = str(found[-1]) if found else shutil.which(name)
    if not program:
        raise _missing(f"there is no {name}")
    return program


def _missing(why: str) -> AssertionError:
    return AssertionError(f"these tests need PostgreSQL ({why}): apt-get install -y postgresql, or ./setup.sh test")


def _run(*argv: str | Path) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, f"{argv}:\n{done.stdout}\n{done.stderr}"


def _await(server: Server, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        log = (server.folder / "log").read_text()
        assert process.poll() is None, f"PostgreSQL doesn't start:\n{log}"
        with contextlib.suppress(psycopg.OperationalError), server.connect():
            return True
        return False

    until(answers, "PostgreSQL doesn't answer", 60)
