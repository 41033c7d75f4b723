"""What a run of a learner's program did, and questions about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from labctl.kit import say
from labctl.kit.answers import Pair, Unmet, Words, pair
from labctl.kit.tree_reading import difference, listed_changes, shown_name
from labctl.kit.trees import HERE, Tree, TreeEntry

FAILS = -1
"""As a wanted status: any exit status except 0."""

Fault = Callable[..., Unmet]
"""Makes the answer: see :meth:`labctl.kit.programs.Program.unmet`."""


@dataclass
class Done:
    """A run of a program. ``status`` is the exit status, or 128 and the number of the signal that ended it. ``out``
    and ``err`` are its outputs. ``seconds`` is the time that it took. ``before`` and ``tree`` are the files in its
    folder before and after the run. ``here`` is this folder. ``left`` are the names of processes that still ran when
    the program had ended; they were killed. In a batch, the values exist after the block."""

    command: str
    here: str
    before: Tree
    fault: Fault = field(repr=False)
    when: Pair = ("", "")
    see: str = ""
    status: int = -1
    out: bytes = b""
    err: bytes = b""
    seconds: float = 0.0
    left: tuple[str, ...] = ()
    tree: Tree = field(default_factory=dict, repr=False)
    late: bool = False

    @property
    def text(self) -> str:
        """The output as text. A byte that is not part of a character becomes a replacement character."""
        return self.out.decode(errors="replace")

    @property
    def message(self) -> str:
        """The error output as text."""
        return self.err.decode(errors="replace")

    def ending(self) -> Pair:
        """Return how the run ended, with the first line of its error output."""
        lines = [line for line in self.message.splitlines() if line.strip()]
        word = f": {printable(lines[0][:120])}" if lines else ""
        if self.status > 128:
            signal = self.status - 128
            return f"it was killed by signal {signal}{word}", f"被信号 {signal} 杀死{word}"
        return f"exit status {self.status}{word}", f"退出码 {self.status}{word}"

    def unmet(self, *, expected: Words, found: Words, see: str = "") -> Unmet:
        """Return an answer about this run. The words for when it happens are added to ``expected``."""
        wanted = pair(expected)
        both = f"{wanted[0]} {self.when[0]}", f"{self.when[1]}，{wanted[1]}"
        return self.fault(expected=both, found=found, see=see or self.see)

    def exits(self, status: int) -> Done:
        """Raise Unmet if the exit status is another one. FAILS stands for any except 0."""
        if self.status == 0 if status == FAILS else self.status != status:
            wanted = ("an exit status other than 0", "退出码不是 0") if status == FAILS else _status(status)
            raise self.unmet(expected=wanted, found=self.ending())
        return self

    def prints(self, text: str | bytes) -> Done:
        """Raise Unmet if the output is another one. HERE in ``text`` stands for the folder."""
        raw = text if isinstance(text, bytes) else text.encode()
        wanted = raw.replace(HERE.encode(), self.here.encode())
        if self.out != wanted:
            expected, found = first_difference(wanted, self.out)
            raise self.unmet(expected=expected, found=found)
        return self

    def complains(self) -> Done:
        """Raise Unmet if there is any output, or no error output."""
        if self.out:
            raise self.unmet(
                expected=("nothing on the standard output", "标准输出上什么也没有"), found=printable(self.text[:80])
            )
        if not self.err.strip():
            raise self.unmet(
                expected=("a message on the standard error output", "标准错误上有报错信息"), found=say.NOTHING
            )
        return self

    def leaves(self, expected: Mapping[bytes, TreeEntry], *, times: bool = False) -> Done:
        """Raise Unmet if the folder holds anything else than these files afterwards, and name the first paths."""
        changes = difference(filled(expected, self.here), self.tree, times=times)
        if changes:
            raise self.unmet(
                expected=("exactly the files that belong there", "目录里的文件一个不多、一个不少、内容都对"),
                found=say.listed(listed_changes(changes), most=3),
            )
        return self

    def changes_nothing(self, *but: bytes | str) -> Done:
        """Raise Unmet if anything in the folder changed, except these paths and what is below them."""
        allowed = tuple(name if isinstance(name, bytes) else name.encode() for name in but)
        changes = [
            change
            for change in difference(filled(self.before, self.here), self.tree)
            if not any(change.path == name or change.path.startswith(name + b"/") for name in allowed)
        ]
        if changes:
            raise self.unmet(
                expected=("all other files as they were before", "其他文件保持原样"),
                found=say.listed(listed_changes(changes), most=3),
            )
        return self

    def leaves_no_process(self) -> Done:
        """Raise Unmet if the program left a process behind."""
        if self.left:
            name = printable(self.left[0])
            raise self.unmet(
                expected=("no process left behind", "不留下进程"),
                found=(f"{name} still ran after the program had ended", f"程序结束后 {name} 还在运行"),
            )
        return self


@dataclass
class DoneHalfway(Done):
    """A run that got a signal halfway, or one of two runs at once. ``reached`` is false if the program ended before
    the moment came: then the run shows nothing about a program that is stopped."""

    reached: bool = False


class DonePair(NamedTuple):
    """Two runs that began at the same instant, in the same folder."""

    first: DoneHalfway
    second: DoneHalfway

    @property
    def tree(self) -> Tree:
        """The files in the folder after both runs."""
        return self.first.tree

    @property
    def met(self) -> bool:
        """Both were at the command ``meet`` at the same time: nothing keeps one of them out."""
        return self.first.reached and self.second.reached

    def exclude(self, status: int = FAILS) -> DonePair:
        """Raise Unmet unless one run was successful, and the other one was kept out and had this exit status."""
        if self.met:
            raise self.second.unmet(
                expected=("never two runs at the same time", "绝不会有两个同时运行"),
                found=("two runs did the work at the same time", "两个运行同时在干活"),
            )
        one, other = sorted(self, key=lambda run: run.status != 0)
        one.exits(0)
        other.exits(status)
        return self


def filled(found: Mapping[bytes, TreeEntry], here: str) -> Tree:
    """Return the tree with HERE replaced in contents and targets, and without the folder itself."""
    old, new = HERE.encode(), here.encode()
    made = {}
    for path, entry in found.items():
        data = entry.data.replace(old, new) if entry.data is not None else None
        size = len(data) if data is not None and entry.kind == "file" else entry.size
        made[path] = entry._replace(data=data, target=entry.target.replace(old, new), size=size)
    made.pop(b"", None)
    return made


def _status(status: int) -> Pair:
    return f"exit status {status}", f"退出码 {status}"


def printable(text: str) -> str:
    """Return the text with control characters in the notation of ``$'…'``."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def shown_output(text: str) -> str:
    """Return the beginning of an output in quotes."""
    return f"'{printable(text[:60])}'"


def first_difference(expected: bytes, found: bytes) -> tuple[Words, Words]:
    r"""Return the first line that differs, expected and found. If all common lines are equal, the numbers of lines.

    >>> first_difference(b"a\nb\n", b"a\nc\n")
    (("the output line 'b'", "输出行 'b'"), ("the output line 'c'", "输出行 'c'"))
    """
    wanted, got = expected.split(b"\n"), found.split(b"\n")
    for one, other in zip(wanted, got, strict=False):
        if one != other:
            return _line(one), _line(other) if found else say.NOTHING
    return _count(wanted), _count(got)


def _line(line: bytes) -> Words:
    shown = shown_name(line) if line else "''"
    shown = shown if shown[:1] in "'$" else f"'{shown}'"
    return f"the output line {shown}", f"输出行 {shown}"


def _count(lines: list[bytes]) -> Pair:
    count = len(lines) if lines[-1] else len(lines) - 1
    english, chinese = f"{count} line{'' if count == 1 else 's'}", f"{count} 行"
    if lines[-1]:
        return f"{english}, without a newline at the end", f"{chinese}，末尾没有换行"
    return english, chinese


def command_words(path: str, words: tuple[str, ...]) -> str:
    """Return the command as somebody would type it, without the folder of the check."""
    shown = [path.rpartition("/")[2], *(word.replace(HERE, "…") for word in words)]
    text = " ".join(shown_name(word) if word else "''" for word in shown)
    return text if len(text) <= 120 else f"{text[:119]}…"


def quoted_path(path: str) -> str:
    """Return the path as a word of the shell."""
    return shlex.quote(path)
