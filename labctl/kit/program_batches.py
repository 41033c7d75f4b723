"""Many runs of a learner's program with one transfer of their inputs and one command."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from labctl.kit.answers import Unmet, Words, pair
from labctl.kit.copy_health import CopyActing, check_health
from labctl.kit.parcels import packed
from labctl.kit.places import CheckedBox
from labctl.kit.program_results import Done, DoneHalfway, DonePair, command_words, filled, shown_output
from labctl.kit.run_results import RunResult, results
from labctl.kit.run_scripts import (
    HEAD,
    LEAST_STDIN,
    SMALL_DISK,
    RunOrder,
    Stdin,
    open_of,
    pair_lines,
    preparations,
    run_file,
    run_lines,
    stdin_files,
    wrappers,
)
from labctl.kit.tree_reading import TreeTooLargeError, parse_tree, read_tree, too_large
from labctl.kit.trees import HERE, Tree, under

_PIECE = 90_000
"""The bytes of one argument: the kernel takes at most 128 KiB, see execve(2)."""

MOST_OUTPUT = 4 << 20
"""The bytes of each output that a run may print."""


class ProgramToRun(Protocol):
    """What a batch needs of a program: see :class:`labctl.kit.programs.Program`."""

    box: CheckedBox
    path: str
    read: Words

    def unmet(self, *, expected: Words = "", found: Words, see: str = "") -> Unmet:
        """Return an answer about the program."""

    def exists(self) -> Any:
        """Raise Unmet if the program can't be executed."""


class ProgramBatch:
    """Runs of one program with one transfer of all inputs and one command. The results exist when the block has ended.
    The first run with a wrong status or without an end raises Unmet then."""

    def __init__(self, program: ProgramToRun) -> None:
        self._program = program
        self._top = f"/{secrets.token_hex(5)}"
        self._private, self._open = f"{self._top}.r", open_of(f"{self._top}.r")
        self._orders: list[RunOrder] = []
        self._done: list[tuple[Done, int | None]] = []
        self._trees: dict[str, Tree] = {}
        self._steps: list[tuple[RunOrder, ...]] = []
        self._after: dict[int, Done] = {}

    def run(
        self,
        *words: str,
        tree: Tree | None = None,
        on: Done | None = None,
        stdin: Stdin = b"",
        user: str = "",
        cwd: str = HERE,
        env: Mapping[str, str] | None = None,
        seconds: float = 10.0,
        status: int | None = 0,
        most: int = MOST_OUTPUT,
        largest: int = 0,
        disk: int = 0,
        full: bool = False,
        pauses: Mapping[str, float] | None = None,
        between: float = 0.0,
        when: Words = "",
        see: str = "",
    ) -> Done:
        """Ask for one run. ``words`` are the arguments. HERE in them stands for the folder of the run.

        The folder holds ``tree``, or what the run ``on`` has left there. ``stdin`` is bytes, text, CLOSED, ENDLESS or
        SILENT; without it, stdin is at its end. There is no terminal. ``user`` runs the program, root by default.
        ``cwd`` is the folder of the run by default. ``env`` adds to PATH, HOME, USER and LANG. ``seconds`` is the time
        limit on an idle machine. ``status`` is the wanted exit status; FAILS means any except 0, None means that every
        status is right. ``most`` is the size in bytes of each output.

        ``largest`` is the size in bytes up to which the program can write a file (RLIMIT_FSIZE, error EFBIG). With
        ``disk``, the folder is on a full file system with so many free bytes (error ENOSPC). With ``full``, the output
        goes to /dev/full (error ENOSPC).

        ``pauses`` are seconds to wait before and after each call of a command that the program finds by PATH.
        ``between`` are seconds to wait before each command of a bash script. ``when`` says in answers when it happens;
        without it, the command is named. ``see`` is the command that shows it."""
        done: Done = self._ask(
            Done,
            words,
            status,
            tree=tree,
            on=on,
            stdin=stdin,
            user=user,
            cwd=cwd,
            env=env,
            seconds=seconds,
            most=most,
            largest=largest,
            disk=disk,
            full=full,
            pauses=pauses,
            between=between,
            when=when,
            see=see,
        )
        return done

    def killed_halfway(
        self,
        *words: str,
        signal: str = "TERM",
        at: str = "",
        appears: str = "",
        to_group: bool = True,
        status: int | None = None,
        **options: Any,
    ) -> DoneHalfway:
        """Ask for one run that gets ``signal`` halfway. The moment is one of these:

        - ``at``: the program is about to execute this command, which it finds by PATH. The command never runs.
        - ``appears``: there is a file of this pattern (``*``, ``?``, ``[…]``; HERE stands for the folder) that is not
          empty, or a folder or link. A script can't yet know the name of an empty file that mktemp(1) has just made.
          So that the program can't end before, give it a stdin of 256 KiB, of which it gets half, or ``between``.
        - otherwise: the program has read nearly half of stdin. Stdin has at least 256 KiB, because a pipe holds 64 KiB
          that nobody has read.

        The signal goes to the program and its children, as Ctrl-C and a service manager send it. With ``to_group``
        false, it goes only to the program, as with kill(1); bash then waits for the command that it runs. The program
        must end within ``seconds``. Other options are those of :meth:`run`. Raises ValueError if stdin is too short."""
        stdin = options.get("stdin")
        if not at and not appears and not (isinstance(stdin, bytes | str) and len(stdin) >= LEAST_STDIN):
            raise ValueError("killed_halfway needs `at`, `appears`, or a stdin of at least 256 KiB")
        given: dict[str, Any] = {
            "signal": signal.removeprefix("SIG"),
            "at": at,
            "appears": appears,
            "to_group": to_group,
        }
        done: DoneHalfway = self._ask(DoneHalfway, words, status, **given, **options)
        return done

    def two_at_once(
        self,
        first: tuple[str, ...],
        second: tuple[str, ...],
        *,
        meet: str = "",
        status: int | None = None,
        **options: Any,
    ) -> DonePair:
        """Ask for two runs in one folder that begin at the same instant. ``first`` and ``second`` are their arguments.

        ``meet`` is a command of the protected work, which the program finds by PATH. A run that calls it waits there
        until the other run calls it as well, or has ended. So the runs overlap on the slowest machine, too: see
        ``DonePair.exclude``. ``pauses`` and ``between`` widen the window between a test and what the program then
        does. They scale with the machine's load. Other options are those of :meth:`run`."""
        given: dict[str, Any] = {"signal": "go", "meet": meet}
        number = len(self._orders)
        one: DoneHalfway = self._ask(DoneHalfway, first, status, other=number + 1, **given, **options)
        options = {**options, "tree": None, "on": one}
        two: DoneHalfway = self._ask(DoneHalfway, second, status, other=number, **given, **options)
        self._steps[-2:] = [(*self._steps[-2], *self._steps[-1])]
        return DonePair(one, two)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._orders:
            self._go()

    def _ask(
        self,
        made: Any,
        words: tuple[str, ...],
        status: int | None,
        *,
        tree: Tree | None = None,
        on: Done | None = None,
        when: Words = "",
        see: str = "",
        seconds: float = 10.0,
        env: Mapping[str, str] | None = None,
        pauses: Mapping[str, float] | None = None,
        between: float = 0.0,
        **options: Any,
    ) -> Any:
        number = len(self._orders)
        if on and on.here not in self._trees:
            raise ValueError("`on` must be a run of the same batch, because the folder is removed after a batch")
        here = f"{SMALL_DISK}/{self._top[1:]}-{number}" if options.get("disk") else f"{self._top}/{number}"
        here = on.here if on else here
        order = RunOrder(
            number,
            self._program.path,
            words,
            here,
            limit=math.ceil(self._program.box.limit(seconds)),
            env=env or {},
            pauses={name: self._program.box.limit(pause) for name, pause in (pauses or {}).items()},
            between=self._program.box.limit(between) if between else 0.0,
            **options,
        )
        if on and order.signal != "go":
            self._after[number] = on
        elif not on:
            self._trees[here] = tree or {}
        before = on.before if on else self._trees[here]
        command = command_words(self._program.path, words)
        wording = pair(when) if when else (f"after `{command}`", f"运行 `{command}` 后")
        done = made(command, here, before, self._program.unmet, wording, see)
        self._orders.append(order)
        self._steps.append((order,))
        self._done.append((done, status))
        return done

    def _go(self) -> None:
        program, box = self._program, self._program.box
        with check_health(box, program.path, program.read) as acting:
            program.exists()
            token, tree_token = secrets.token_hex(16), secrets.token_hex(16)
            self._transfer(acting, self._script(token, tree_token))
            seconds = sum(order.limit for order in self._orders)
            told = acting.run(f"sh {self._private}/all", 15.0 + seconds)
            found = results(told, token, {order.number: order.limit for order in self._orders})
            # After a run without an end, the script runs no other one.
            whole = len(found) == len(self._orders) or any(result.late for result in found.values())
            if not whole and not acting.broken:
                acting.stopped()
            try:
                trees = self._read()
            finally:
                acting.tidy(f"rm -rf {self._top} {self._private} {self._open} {SMALL_DISK}/{self._top[1:]}-*")
        self._fill(found, trees, tree_token)
        self._judge(found)

    def _script(self, token: str, tree_token: str) -> str:
        lines = [HEAD.replace("@R@", self._private).replace("@T@", token)]
        for here, tree in self._trees.items():
            lines += preparations(here, tree)
        for at, step in enumerate(self._steps):
            later = {order.here for other in self._steps[at + 1 :] for order in other}
            if len(step) == 2:
                lines += pair_lines(step[0], step[1], self._private, token=tree_token)
            else:
                lines += run_lines(step[0], self._private, keep_tree=step[0].here in later, token=tree_token)
        return "\n".join(lines)

    def _transfer(self, acting: CopyActing, script: str) -> None:
        files = {
            f"{self._private}/": (b"", 0o700),
            f"{self._open}/": (b"", 0o755),
            f"{self._open}/marks/": (b"", 0o1777),
            f"{self._top}/": (b"", 0o755),
        }
        for order in self._orders:
            text = run_file(order, self._private, self._open)
            files[f"{self._private}/{order.number}.sh"] = (text.encode(errors="surrogateescape"), 0o600)
            files |= stdin_files(order, self._private) | wrappers(order, self._open)
        files[f"{self._private}/all"] = (script.encode(errors="surrogateescape"), 0o600)
        parcel = packed(self._trees, files)
        pieces = [parcel[at : at + _PIECE] for at in range(0, len(parcel), _PIECE)]
        for piece in pieces[:-1]:
            acting.exercise(f"umask 077; printf %s {piece} >>{self._top}.in")
        rest = f"{{ cat {self._top}.in; printf %s {pieces[-1]}; }}" if len(pieces) > 1 else f"printf %s {pieces[-1]}"
        acting.exercise(
            f"umask 022; {rest} | base64 -d | gunzip | EXTRACT_UNSAFE_SYMLINKS=1 tar -xp -C / && rm -f {self._top}.in"
        )

    def _read(self) -> dict[str, Tree]:
        """Return the trees of all runs, read from outside."""
        together = read_tree(self._program.box, self._top)
        found = {}
        for here in self._trees:
            if here.startswith(self._top):
                found[here] = under(together, here.rpartition("/")[2])
            else:
                found[here] = {path: entry for path, entry in read_tree(self._program.box, here).items() if path}
        return found

    def _fill(self, found: Mapping[int, RunResult], trees: Mapping[str, Tree], token: str) -> None:
        for order, (done, _) in zip(self._orders, self._done, strict=True):
            earlier = self._after.get(order.number)
            done.before = earlier.tree if earlier else filled(done.before, done.here)
            result = found.get(order.number)
            if result is None:
                continue
            done.status, done.seconds, done.left, done.late = result.status, result.seconds, result.left, result.late
            done.out, done.err = result.out, result.err
            if isinstance(done, DoneHalfway):
                done.reached = result.reached
            done.tree = trees[order.here]
            if result.tree:
                try:
                    done.tree = {path: entry for path, entry in parse_tree(result.tree, token).items() if path}
                except TreeTooLargeError:
                    raise done.unmet(
                        expected=("the files of the task", "任务要求的文件"), found=too_large(order.here)
                    ) from None

    def _judge(self, found: Mapping[int, RunResult]) -> None:
        for order, (done, status) in zip(self._orders, self._done, strict=True):
            result = found[order.number]
            if result.late:
                seconds = order.limit
                halfway = isinstance(done, DoneHalfway) and done.reached and order.signal != "go"
                after = (f", after SIG{order.signal}", f"收到 SIG{order.signal} 之后") if halfway else ("", "")
                raise done.unmet(
                    expected=(f"an end within {seconds} seconds", f"{seconds} 秒内结束"),
                    found=(f"it still ran then{after[0]}", f"{after[1]}到那时还在运行"),
                )
            for size, name in ((result.out_size, ("output", "输出")), (result.err_size, ("error output", "错误输出"))):
                if size > order.most:
                    raise done.unmet(
                        expected=(f"at most {order.most} bytes of {name[0]}", f"{name[1]}不超过 {order.most} 字节"),
                        found=(
                            f"more: it begins with {shown_output(done.text)}",
                            f"超过了，开头是 {shown_output(done.text)}",
                        ),
                    )
            if status is not None:
                done.exits(status)
