"""A service of a box: who listens, which unit runs it, where it listens, with which options, and why it is down.

What these questions do not see: a process whose memory was rewritten, and a genuine process that passes its connections
on by rules of the network. Judge effects as well: what the service answers, and what survives a start on a copy.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from labctl.kit import say
from labctl.kit.answers import Pair, Unmet
from labctl.kit.listening import EVERYWHERE, missing_addresses, socket_words, stray_sockets
from labctl.kit.options import PLAIN, ConfigFormat, ConfigOption, ConfigOptions
from labctl.kit.places import CheckedBox, Listener, Place
from labctl.kit.processes import descends, processes_of
from labctl.kit.reading import PlaceTexts
from labctl.kit.service_identity import ServiceIdentity, ServiceProcess, state_of
from labctl.kit.timing import within
from labctl.kit.unit_files import SourcedWord
from labctl.kit.units import SystemdUnit, unit_of

Client = TypeVar("Client")


class Service(ServiceIdentity):
    """A service that a task asks for; ``service`` makes it. Sockets and processes are looked at anew in each call."""

    def enabled(self) -> SystemdUnit:
        """Return the unit that runs the process. Raises unmet unless this unit starts at boot: by a link from a target,
        a socket or a timer that a boot reaches, or by a generator."""
        process = self.genuine()
        if not process.unit or process.unit.endswith(".scope"):
            raise Unmet(
                self.box.name,
                found=(
                    f"{self.name} (pid {process.pid}) was started by hand: no service of systemd runs it",
                    f"{self.name}（pid {process.pid}）是手工启动的：不由 systemd 的任何服务运行",
                ),
                see=f"systemctl status {process.pid}",
            )
        unit = self.units.unit(process.unit)
        if not self._starts(unit, process):
            program = unit.commands()[0].program if unit.commands() else "?"
            raise Unmet(
                self.box.name,
                found=(
                    f"{self.name} (pid {process.pid}) was started by hand: it runs inside {unit.name}, which starts "
                    f"{program}",
                    f"{self.name}（pid {process.pid}）是手工启动的：它在 {unit.name} 里运行，"
                    f"而该单元启动的是 {program}",
                ),
                see=f"systemctl status {process.pid}",
            )
        if not self.units.starts_at_boot(unit.name):
            raise Unmet(self.box.name, found=self._not_enabled(unit), see=f"systemctl is-enabled {unit.name}")
        return unit

    def _starts(self, unit: SystemdUnit, process: ServiceProcess) -> bool:
        """Whether the unit's own commands start the program, or a script that may start it."""
        kinds = ("ExecStart", "ExecStartPre", "ExecStartPost")
        words = [word for kind in kinds for command in unit.commands(kind) for word in command.texts]
        names = {posixpath.basename(path) for path in (*self.programs, process.program)}
        if process.pid == 1 or any(name in word for name in names for word in words):
            return True
        texts = PlaceTexts(self.box)
        return any((texts.text(word) or "").startswith("#!") for word in words if word.startswith("/"))

    def _not_enabled(self, unit: SystemdUnit) -> Pair:
        if unit.path.startswith("/run/systemd/transient/"):
            return (
                f"{unit.name} is a transient unit, which is gone after a boot",
                f"{unit.name} 是临时单元（transient），重启后就没有了",
            )
        if unit.path.startswith("/run/"):
            return f"{unit.path} is gone after a boot", f"重启后 {unit.path} 就没有了"
        if not unit.exists:
            return f"{unit.name} runs, but {state_of(unit)[0]}", f"{unit.name} 在运行，但{state_of(unit)[1]}"
        return (
            f"{unit.name} runs now, but nothing starts it at boot",
            f"{unit.name} 现在在运行，但没有设为开机自启",
        )

    # --------------------------------------------------------------------------------------------- where does it listen
    def listens_exactly(
        self,
        addresses: Iterable[str],
        udp: bool = False,
        never: Iterable[int] = (),
        *,
        may: Iterable[str] = (),
        also: Iterable[int] = (),
    ) -> ServiceProcess:
        """Return the process. Raises unmet unless the port is open on exactly these addresses, over TCP, UDP and IPv6,
        and the process and its unit listen on no other port.

        ``addresses`` are required, ``"*"`` means all. ``may`` are allowed but not required. ``udp``: UDP is allowed at
        the same addresses. ``also`` are other ports that the unit may use. ``never`` are ports at which no program of
        the box may listen."""
        process = self.genuine()
        wanted, allowed = tuple(addresses), tuple(may)
        ports, others = {self.port, *never}, set(also)

        def wrong() -> tuple[list[Listener], list[str]]:
            found = list(self.box.listeners())
            mine = self._of(process, found)
            there = [one for one in found if one in mine or one.port in ports]
            there = [one for one in there if one.port in ports or one.port not in others]
            strays = stray_sockets(self.port, self.protocol, there, (*wanted, *allowed), udp=udp)
            return strays, missing_addresses(self.port, self.protocol, found, wanted)

        def look() -> None:
            strays, missing = wrong()
            if strays or missing:
                raise self._wrong_sockets(strays, missing)

        strays, missing = wrong()
        if missing or any(one.protocol != "udp" or one.port in ports for one in strays):
            raise self._wrong_sockets(strays, missing)
        within(1.0, look)  # a program may hold a UDP socket for the time of a query
        return process

    def _of(self, process: ServiceProcess, found: Sequence[Listener]) -> list[Listener]:
        state = processes_of(self.box, sorted({one.pid for one in found if one.pid}))
        first = state[1].groups if 1 in state else ""
        pids = {process.pid} - {1}
        for pid, one in state.items():
            same_unit = bool(process.unit) and unit_of(one.groups, first) == process.unit
            if pid != 1 and (same_unit or descends(pid, {process.pid}, state)):
                pids.add(pid)
        return [one for one in found if one.pid in pids]

    def _wrong_sockets(self, strays: Sequence[Listener], missing: Sequence[str]) -> Unmet:
        parts: list[Pair] = []
        if strays:
            words = [socket_words(one, program=one.port != self.port) for one in sorted(strays)]
            listed = say.listed(dict.fromkeys(words))
            parts.append(say.joined(("too much is open: ", "多开放了："), listed))
        if missing:
            names = [("every address", "所有地址") if each == EVERYWHERE else each for each in missing]
            parts.append(
                say.joined(
                    (f"port {self.port} is closed on ", f"{self.port} 端口没有开在 "), say.listed(names), ("", " 上")
                )
            )
        found = parts[0] if len(parts) == 1 else say.joined(parts[0], ("; ", "；"), parts[1])
        return Unmet(self.box.name, found=found, see="ss -lntup")

    # ------------------------------------------------------------------------------------------------ with what options
    def options(self, config: ConfigFormat = PLAIN, path: str = "") -> ConfigOptions:
        """Return the options in force: those of the configuration file, then those of the unit's ExecStart with its
        environment, then those of the running process's command line. ``config`` says how the program reads them, for
        example ``configs.redis_conf``; ``path`` is a file that replaces the program's usual one.

        A process may change the command line that it shows, as Redis and nginx do. Then it counts only what the unit
        says, and a difference between the two is not visible here."""
        unit = self.unit_file()
        starts = [command for command in unit.commands() if self._is_program(command.program)]
        words: tuple[SourcedWord, ...] = starts[-1].words[1:] if starts else ()
        here = self.here()
        running = processes_of(self.box, [here[0].pid]).get(here[0].pid) if here else None
        if running and running.words and self._is_program(running.words[0]) and not _retitled(running.words):
            source = f"/proc/{running.pid}/cmdline"
            texts = [word.text for word in words]
            if list(running.words[1:]) != texts:
                words = tuple(SourcedWord(word, source) for word in running.words[1:])
        return config.options(PlaceTexts(self.box), words, path)

    def written_options(self) -> list[ConfigOption]:
        """Return the options on the command line of the unit, with the file that each one comes from: the unit, a
        drop-in or an environment file."""
        unit = self.unit_file()
        words = [word for command in unit.commands() for word in command.words[1:]]
        return PLAIN.words(words)[1]

    def _is_program(self, path: str) -> bool:
        names = {posixpath.basename(each) for each in (*self.programs, *(one[-1] for one in self.links.values()))}
        return posixpath.basename(path) in names

    # --------------------------------------------------------------------------------------------------- does it answer
    def ready(self, seconds: float) -> ServiceProcess:
        """Wait until the genuine process accepts a connection, and return the process. ``seconds`` are those of an idle
        machine. Raises the last unmet after that time."""

        def look() -> ServiceProcess:
            process = self.genuine()
            if self.protocol == "tcp":
                try:
                    self.box.dial(self._answering(process), self.port).close()
                except OSError as error:
                    words = say.REFUSED if isinstance(error, ConnectionRefusedError) else say.NO_ANSWER
                    found = say.joined((f"port {self.port}: ", f"{self.port} 端口："), words)
                    raise Unmet(self.box.name, found=found, see=self.see()) from error
            return process

        return within(seconds, look)

    def _answering(self, process: ServiceProcess) -> str:
        found = [one.address for one in process.sockets]
        if {"127.0.0.1", "0.0.0.0", "::"} & set(found):  # noqa: S104  names of addresses, nothing is bound
            return "127.0.0.1"
        return self.box.address if self.box.address in found else found[0]

    def client(self, kind: Callable[..., Client], from_: Place | None = None, **options: Any) -> Client:
        """Return ``kind(place, address, port, …)``: a client of the service, by default in the box."""
        return kind(from_ or self.box, self.box.address, self.port, **options)


def _retitled(words: Sequence[str]) -> bool:
    """Whether the process shows a title in place of its arguments: one long word, or a word with blanks first."""
    return " " in words[0] or words[0].endswith(":") or (len(words) == 2 and ":" in words[1] and words[1][:1] != "-")


def service(
    box: CheckedBox,
    *,
    program: str | Sequence[str],
    port: int,
    unit: str = "",
    protocol: str = "tcp",
    logs: Sequence[str] = (),
) -> Service:
    """Return the service of a box that listens on this port. ``program`` is the path of the installed program, or
    several paths that are equally right. ``unit`` names the usual unit; it helps answers, and right work may use
    another. ``logs`` are log files; default: known ones, those of the unit, and the journal."""
    return Service(box, program=program, port=port, unit=unit, protocol=protocol, logs=logs)
