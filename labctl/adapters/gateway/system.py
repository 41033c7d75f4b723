"""Programs and files of the server that the gateway is installed on."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from labctl.domain.access.gateway_files import effective
from labctl.errors import LabctlError, RefusedError, UsageError
from labctl.hints import Hint
from labctl.whole_file import unwritable, whole_file

_SBIN = "/usr/sbin:/sbin:/usr/local/sbin"
_HERE = Path(__file__).parent
_MOST_SECONDS = 120.0
"""systemd itself gives a unit 90 to start."""

_MISSING_FOLDER = re.compile(r"Missing privilege separation directory: (/\S+)")


def find(program: str, package: str) -> str:
    """Where it is. Raises UsageError with the package that has it."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise UsageError("{program} is not installed here", hint=Hint.INSTALL_PACKAGE, program=program, package=package)
    return found


def run(argv: Sequence[str]) -> str:
    """Its stdout. Raises LabctlError with what it said where it fails or doesn't end."""
    program = " ".join(argv)
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabctlError(
            "{program} didn't end within {seconds} s", program=program, seconds=f"{_MOST_SECONDS:g}"
        ) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise LabctlError("{program} failed ({code})", detail=said, program=program, code=done.returncode)
    return done.stdout


def account(name: str) -> pwd.struct_passwd | None:
    """From the server's list of accounts."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def groups(name: str) -> list[str]:
    """The names of the groups that an account is in."""
    return run([find("id", "coreutils"), "-nG", name]).split()


def processes_of(name: str) -> list[int]:
    """What an account runs."""
    found = account(name)
    pids = []
    for folder in Path("/proc").iterdir():
        try:
            if found is not None and folder.name.isdigit() and folder.stat().st_uid == found.pw_uid:
                pids.append(int(folder.name))
        except OSError:  # it has ended
            continue
    return pids


def systemd_runs() -> bool:
    """sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()


def tell_ready() -> None:
    """To systemd, where it started this process and waits (sd_notify(3))."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", f"\0{path[1:]}" if path.startswith("@") else path)


def sshd() -> str:
    """OpenSSH's server; it insists on being called by its whole path."""
    return find("sshd", "openssh-server")


def _ask_sshd(*words: str) -> str:
    """What sshd says about a configuration. It insists on a folder below /run that its own unit makes when it starts:
    where sshd hasn't run since the boot, the folder is made here. Raises LabctlError."""
    argv = [sshd(), *words]
    try:
        return run(argv)
    except LabctlError as error:
        missing = _MISSING_FOLDER.search(error.detail)
        if missing is None:
            raise
        folder = missing[1]
        try:
            Path(folder).mkdir(mode=0o755, parents=True)
        except OSError as why:
            raise UsageError(
                "sshd can't check its configuration: the folder {folder} does not exist",
                hint=Hint.MAKE_FOLDER,
                folder=folder,
            ) from why
    return run(argv)


def check_sshd(config: str) -> None:
    """Raises LabctlError with sshd's words where it would not start with that configuration."""
    _ask_sshd("-t", "-f", config)


def sshd_says(config: str, user: str) -> dict[str, tuple[str, ...]]:
    """What is in effect for a user who comes from somewhere (``sshd -T``). Raises LabctlError."""
    where = f"user={user},host=learner.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"
    return effective(_ask_sshd("-T", "-f", config, "-C", where))


def with_part_first(part: str, config: str, folder: str) -> str:
    """A configuration for trying: the part, and then all that there is already."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".conf", delete=False) as file:
        file.write(f"{part}\nInclude {config}\n")
    return file.name


def client(name: str) -> str:
    """The text of a program that sshd starts, for the Python of this server."""
    text = (_HERE / f"{name}.py").read_text("utf-8")
    _old, newline, rest = text.partition("\n")
    return f"#!{_python()} -IS{newline}{rest}"


def _python() -> str:
    """The system's Python where there is one: that of a virtual environment is often in a home that nobody else may
    look into."""
    system = Path("/usr/bin/python3")
    return str(system if system.exists() else Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def write(path: str, content: str, mode: int) -> None:
    """The file, whole or not at all, root's."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as error:
        raise unwritable(target, error) from error
    with whole_file(target) as stream:
        stream.write(content.encode())
        os.fchmod(stream.fileno(), mode)  # whatever the umask is


def loose_folder(path: str) -> str:
    """The first folder on the way to a path that somebody other than root may write: sshd would refuse what is in it.
    Nothing where all is well."""
    for folder in reversed(Path(path).parents):
        if folder.exists():
            status = folder.stat()
            if status.st_uid != 0 or status.st_mode & 0o022:
                return str(folder)
    return ""


def check_place(path: str, *, folder: bool = False, program: bool = False) -> None:
    """Whether a file can be there, a ``program`` that sshd starts, or a ``folder``. Raises LabctlError."""
    loose = loose_folder(path) if program else ""
    if loose:
        raise RefusedError(
            "users other than root can write to {folder}",
            hint=Hint.SECURE_FOLDER,
            folder=loose,
        )
    target = Path(path)
    there = next(each for each in (target, *target.parents) if each.exists() or each == each.parent)
    fits = there.is_dir() if there != target or folder else not there.is_dir()
    if not fits or not os.access(there, os.W_OK):
        why = os.strerror(errno.EROFS if fits else errno.EEXIST)
        raise UsageError("{path} can't be written: {why}", path=str(there), why=why)


def runs_for(account_name: str, program: str) -> bool:
    """Whether that account can start that program. ``login`` ends with 255 where it isn't called by sshd."""
    try:
        done = subprocess.run(
            [program],
            user=account_name,
            group=account_name,
            extra_groups=[],
            capture_output=True,
            timeout=_MOST_SECONDS,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 255
