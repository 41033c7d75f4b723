"""Programs, accounts and files of the server on which the gateway is installed."""

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
"""systemd's own limit for the start of a unit is 90 s."""

_MISSING_FOLDER = re.compile(r"Missing privilege separation directory: (/\S+)")


def find(program: str, package: str) -> str:
    """Return the path of a program. Raises UsageError that names the package of the program if the program is
    missing."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise UsageError("{program} is not installed here", hint=Hint.INSTALL_PACKAGE, program=program, package=package)
    return found


def run(argv: Sequence[str]) -> str:
    """Run a program and return its stdout. Raises LabctlError with the program's output if the program fails or does
    not end in time."""
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
    """Return an account of the server. Return None if the account does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def groups(name: str) -> list[str]:
    """Return the names of the account's groups."""
    return run([find("id", "coreutils"), "-nG", name]).split()


def processes_of(name: str) -> list[int]:
    """Return the pids of an account's processes."""
    found = account(name)
    pids = []
    for folder in Path("/proc").iterdir():
        try:
            if found is not None and folder.name.isdigit() and folder.stat().st_uid == found.pw_uid:
                pids.append(int(folder.name))
        except OSError:  # the process has ended
            continue
    return pids


def systemd_runs() -> bool:
    """Return whether systemd is the init system (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def tell_ready() -> None:
    """Report to systemd that the service is ready, if systemd waits for this report (sd_notify(3))."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", f"\0{path[1:]}" if path.startswith("@") else path)


def sshd() -> str:
    """Return the path of OpenSSH's server, which must be called by its absolute path."""
    return find("sshd", "openssh-server")


def _ask_sshd(*words: str) -> str:
    """Run sshd with a configuration and return its output. sshd needs a folder below /run, which sshd's own unit
    creates at the start. If sshd has not run since boot, create the folder here. Raises LabctlError if sshd fails."""
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
    """Check a configuration. Raises LabctlError with sshd's message if sshd would not start with it."""
    _ask_sshd("-t", "-f", config)


def sshd_says(config: str, user: str) -> dict[str, tuple[str, ...]]:
    """Return the effective settings for a user who logs in from another machine (``sshd -T``). Raises LabctlError."""
    where = f"user={user},host=learner.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"
    return effective(_ask_sshd("-T", "-f", config, "-C", where))


def with_part_first(part: str, config: str, folder: str) -> str:
    """Write a configuration for a check: the new part first, then the whole existing configuration. Return its path."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".conf", delete=False) as file:
        file.write(f"{part}\nInclude {config}\n")
    return file.name


def client(name: str) -> str:
    """Return the text of a program that sshd starts, with the path of this server's Python."""
    text = (_HERE / f"{name}.py").read_text("utf-8")
    _old, newline, rest = text.partition("\n")
    return f"#!{_python()} -IS{newline}{rest}"


def _python() -> str:
    """Return the system's Python if there is one. The Python of a virtual environment is often in a home folder that
    other accounts can't read."""
    system = Path("/usr/bin/python3")
    return str(system if system.exists() else Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def write(path: str, content: str, mode: int) -> None:
    """Write a file atomically. Its owner is the user who runs labctl: root."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as error:
        raise unwritable(target, error) from error
    with whole_file(target) as stream:
        stream.write(content.encode())
        os.fchmod(stream.fileno(), mode)  # independent of the umask


def loose_folder(path: str) -> str:
    """Return the first parent folder that users other than root can write to, or an empty text. sshd refuses programs
    in such a folder."""
    for folder in reversed(Path(path).parents):
        if folder.exists():
            status = folder.stat()
            if status.st_uid != 0 or status.st_mode & 0o022:
                return str(folder)
    return ""


def check_place(path: str, *, folder: bool = False, program: bool = False) -> None:
    """Check that a file can be written to that path: a ``program`` that sshd starts, a ``folder``, or another file.
    Raises LabctlError."""
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
    """Return whether that account can start that program. A program that starts ends with 255, because its caller is
    not sshd."""
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
