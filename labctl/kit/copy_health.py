"""Is there a program, and is the copy of the box still whole? A program that breaks the copy of its box is the
learner's fault, also for the checks that come after it."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from labctl.kit import say
from labctl.kit.answers import Pair, Unmet, Words
from labctl.kit.places import CheckedBox
from labctl.kit.program_results import printable, quoted_path
from labctl.kit.run_scripts import PATHS

_NEEDED = "/* /bin /usr/bin/* /usr/sbin/* /usr/local/*bin/* /etc/passwd /etc/shadow /etc/group /etc/hosts"
_OWN = re.compile(r"/[0-9a-f]{10}(\.\w+)?")


class _Health:
    """What is known about the copy of one box: the files that no program has a reason to remove, and the answer about
    a program that broke the copy."""

    def __init__(self) -> None:
        self.needed: frozenset[str] = frozenset()
        self.broken: Pair | None = None
        self.path = ""


_known: weakref.WeakKeyDictionary[Any, _Health] = weakref.WeakKeyDictionary()


class CopyActing:
    """Runs commands on the copy. After the inputs are there, a failure is the program's."""

    def __init__(self, box: CheckedBox) -> None:
        self._box = box
        self.broken: Pair | None = None

    def exercise(self, command: str) -> None:
        """Run a command of the check. Raises RuntimeError if it fails."""
        done = self._box.exercise().run(command)
        if done.rc != 0:
            raise RuntimeError(f"{self._box.name}: status {done.rc} of a command of the kit: {done.stderr[:200]}")

    def tidy(self, command: str) -> None:
        """Run a command that removes what the check has put there. If it fails, nothing is lost but space on the copy:
        it may take longer than a check can wait, when the program has made very many files."""
        with suppress(Exception):
            self._box.exercise().run(command)

    def run(self, command: str, seconds: float) -> bytes:
        """Run the script that runs the program, and return its output. If it does not come to its end, the program has
        killed it, or has taken what it needs."""
        try:
            done = self._box.exercise().run(command, seconds=seconds)
        except Exception:
            self.broken = ("it killed processes that are not its own", "它杀掉了不属于它的进程")
            return b""
        if done.rc != 0:
            self.stopped()
        return bytes(done.stdout_bytes)

    def stopped(self) -> None:
        """The script did not come to its end, or a part of it was stopped."""
        self.broken = (
            "it killed processes that are not its own, or left no room for more",
            "它杀掉了不属于它的进程，或者占满了进程数",
        )


@contextmanager
def check_health(box: CheckedBox, path: str, read: Words) -> Iterator[CopyActing]:
    """Raise Unmet if a program has broken the copy before, or if the program of ``path`` breaks it in the block."""
    health = _known.setdefault(box, _Health())
    if health.broken:
        raise _answer(box, health, read)
    health.needed = health.needed or _needed(box)
    acting = CopyActing(box)
    try:
        yield acting
    except Unmet:
        raise
    except Exception:
        if acting.broken is None:
            raise
    if acting.broken is None:
        lost = sorted(health.needed - _needed(box))
        if lost:
            acting.broken = (f"{lost[0]} is gone", f"{lost[0]} 不见了")
    if acting.broken:
        health.broken, health.path = acting.broken, path
        raise _answer(box, health, read)


def _answer(box: CheckedBox, health: _Health, read: Words) -> Unmet:
    words = health.broken or say.NOTHING
    return Unmet(
        box.name,
        expected=("programs that leave the rest of the box alone", "程序不影响机器上别的东西"),
        found=(
            f"{health.path} broke the copy of the box: {words[0]}",
            f"{health.path} 弄坏了机器的副本：{words[1]}",
        ),
        see=f"cat {quoted_path(health.path)}",
        read=read,
    )


def _needed(box: CheckedBox) -> frozenset[str]:
    told = box.run(f"ls -d {_NEEDED} 2>/dev/null").stdout
    return frozenset(line for line in told.splitlines() if not _OWN.fullmatch(line))


def is_program(box: CheckedBox, path: str, read: Words) -> None:
    """Raise Unmet if the kernel could not execute the file: see execve(2)."""
    look = "[ -e %s ] || exit 1; [ -f %s ] || exit 2; stat -L -c %%a %s; head -c 256 %s"
    told = box.run(look, path, path, path, path)
    mode, _, start = told.stdout_bytes.partition(b"\n")
    first = start.partition(b"\n")[0]
    expected = (f"the program {path}", f"程序 {path}")
    shown = printable(first[:60].decode(errors="replace"))
    head = f"head -n 1 {quoted_path(path)} | cat -A"

    def fault(found: Words, see: str = "") -> Unmet:
        return Unmet(box.name, expected=expected, found=found, see=see or f"ls -l {quoted_path(path)}", read=read)

    if told.rc == 2:
        raise fault((f"{path} is no regular file", f"{path} 不是普通文件"))
    if told.rc != 0:
        raise fault(say.no_such_file(path))
    if not start:
        raise fault((f"the file {path} is empty", f"文件 {path} 是空的"))
    if not int(mode, 8) & 0o111:
        raise fault(
            (
                f"mode {int(mode, 8):04o} of {path}: nobody may execute it",
                f"{path} 的权限是 {int(mode, 8):04o}，谁都不能执行",
            )
        )
    if start.startswith(b"\x7fELF"):
        return
    if not first.startswith(b"#!"):
        raise fault(
            (
                f"no interpreter line (#!) at the beginning of {path}: {shown}",
                f"{path} 开头没有解释器行（#!）：{shown}",
            ),
            head,
        )
    if first.endswith(b"\r"):
        raise fault(
            (f"a carriage return at the end of the interpreter line: {shown}", f"解释器行末尾有回车符：{shown}"), head
        )
    wrong = _interpreter(box, first[2:].decode(errors="replace").strip())
    if wrong:
        raise fault((f"the interpreter line {shown}: {wrong[0]}", f"解释器行 {shown}：{wrong[1]}"), head)


def _interpreter(box: CheckedBox, line: str) -> Pair | None:
    """Return what is wrong with an interpreter line, without its ``#!``. The kernel passes all that follows the path as
    one argument."""
    name, _, argument = line.partition(" ")
    argument = argument.strip()
    if not name:
        return "it names no program", "没有写程序"
    if not _executable(box, [name]):
        return f"{name} is no program", f"{name} 不是可执行的程序"
    if name.rpartition("/")[2] != "env" or argument.startswith("-"):
        return None
    if " " in argument:
        return "env gets all words as one name; it needs -S", "env 会把后面的所有词当成一个名字，需要 -S"
    if not argument or not _executable(box, [f"{place}/{argument}" for place in PATHS.split(":")]):
        return f"env finds no program {argument}", f"env 找不到程序 {argument}"
    return None


def _executable(box: CheckedBox, paths: list[str]) -> bool:
    line = " || ".join("{ [ -f %s ] && [ -x %s ]; }" for _ in paths)
    return bool(box.run(line, *(path for path in paths for _ in range(2))).rc == 0)
