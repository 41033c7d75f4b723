"""Which process is a service, which unit runs it, and why nobody listens."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple

from labctl.kit import say
from labctl.kit.answers import Pair, Unmet
from labctl.kit.listening import socket_words
from labctl.kit.places import CheckedBox, Listener
from labctl.kit.processes import BoxProcess, descends, processes_of
from labctl.kit.reading import linked_paths
from labctl.kit.service_logs import log_lines
from labctl.kit.units import BoxUnits, SystemdUnit, unit_of

_INIT = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")


class ServiceProcess(NamedTuple):
    """The genuine process of a service, with its listening sockets. ``unit`` is the systemd unit in whose control group
    it runs, or empty."""

    pid: int
    program: str
    unit: str
    words: tuple[str, ...]
    sockets: tuple[Listener, ...]


class ServiceIdentity:
    """A service, as far as its process and unit are concerned. The files of units are read once for each object, and
    sockets and processes are looked at anew in each call."""

    def __init__(
        self,
        box: CheckedBox,
        *,
        program: str | Sequence[str],
        port: int,
        unit: str = "",
        protocol: str = "tcp",
        logs: Sequence[str] = (),
    ) -> None:
        self.box, self.port, self.protocol, self.asked_unit = box, port, protocol, unit
        self.programs = (program,) if isinstance(program, str) else tuple(program)
        self.logs = tuple(logs)

    @property
    def name(self) -> str:
        """The last part of the program's path."""
        return posixpath.basename(self.programs[0])

    @cached_property
    def units(self) -> BoxUnits:
        """The units of the box, from its files."""
        return BoxUnits(self.box)

    # ------------------------------------------------------------------------------------------------------ who is it
    def genuine(self) -> ServiceProcess:
        """Return the process that listens on the port: the program as it was installed. Raises unmet if nobody listens,
        if another program does, if the program, a library or a link to it was changed, if several unrelated processes
        hold the port, or if the process is stopped or traced."""
        here = self.here()
        if not here:
            raise Unmet(self.box.name, found=self.down(), see=self.see())
        known = self._program_paths()
        state = processes_of(self.box, sorted({one.pid for one in here}))
        held = [one for one in here if one.pid == 1 and one.program in _INIT and one.genuine]
        activated = self.activated_by_socket() if held else ""
        rest = [one for one in here if one not in held] if activated else here
        if not rest:
            rest, known = held, set(_INIT)
        for one in rest:
            self._be_genuine(one, known)
        holders = {one.pid for one in rest}
        roots = [pid for pid in holders if not descends(pid, holders, state)]
        if len(roots) > 1:
            listed = say.listed([f"{pid} ({self.name})" for pid in sorted(roots)])
            raise Unmet(
                self.box.name,
                found=say.joined(
                    (f"several processes hold port {self.port}: ", f"多个进程占用 {self.port} 端口："), listed
                ),
                see="ss -ltnp" if self.protocol == "tcp" else "ss -lunp",
            )
        pid = roots[0]
        self._be_awake(state.get(pid))
        found = state.get(pid, BoxProcess(pid))
        unit = unit_of(found.groups, state[1].groups if 1 in state else "")
        unit = activated if pid == 1 else unit
        sockets = tuple(one for one in here if one in rest)
        return ServiceProcess(pid, sockets[0].program, unit, found.words, sockets)

    def here(self) -> list[Listener]:
        """Return the sockets of the port, whoever holds them."""
        return [one for one in self.box.listeners() if (one.port, one.protocol) == (self.port, self.protocol)]

    @cached_property
    def links(self) -> dict[str, tuple[str, ...]]:
        """The programs, each with the paths that lead to its file."""
        return linked_paths(self.box, self.programs)

    def _program_paths(self) -> set[str]:
        """Return the real paths of the programs. A link that the learner wrote does not make another program right."""
        written = self.box.written()
        return {
            passed[-1]
            for passed in self.links.values()
            if not any(path in written for path in passed if path != passed[-1])
        }

    def _be_genuine(self, one: Listener, known: Collection[str]) -> None:
        at = f"port {self.port}", f"{self.port} 端口"
        if one.program not in known:
            shown = one.program or "?"
            raise Unmet(
                self.box.name,
                found=(
                    f"{shown} (pid {one.pid}) listens on {at[0]}, not {self.programs[0]}",
                    f"监听 {at[1]}的是 {shown}（pid {one.pid}），不是 {self.programs[0]}",
                ),
                see="ss -ltnp" if self.protocol == "tcp" else "ss -lunp",
            )
        if not one.genuine:
            raise Unmet(
                self.box.name,
                found=(
                    f"{one.program} (pid {one.pid}) on {at[0]} was changed, or it executes a library or code that was "
                    "not installed with it",
                    f"{at[1]}上的 {one.program}（pid {one.pid}）被改动过，或者执行了不属于原安装的库或代码",
                ),
                see=f"ls -l {one.program}; tr '\\0' '\\n' < /proc/{one.pid}/environ",
            )

    def _be_awake(self, process: BoxProcess | None) -> None:
        if process is None or not (process.stopped or process.tracer):
            return
        found = (
            (f"process {process.pid} ({self.name}) is stopped", f"进程 {process.pid}（{self.name}）处于停止状态")
            if process.stopped
            else (
                f"process {process.pid} ({self.name}) is traced by process {process.tracer}",
                f"进程 {process.pid}（{self.name}）正被进程 {process.tracer} 跟踪",
            )
        )
        raise Unmet(self.box.name, found=found, see=f"grep -E 'State|Tracer' /proc/{process.pid}/status")

    def activated_by_socket(self) -> str:
        """Return the service that systemd starts for a connection to the port, if it is this program; else empty."""
        names = [name for name in self.units.tree.names() if name.endswith(".socket")]
        kind = "ListenStream" if self.protocol == "tcp" else "ListenDatagram"
        for socket in self.units.units(names):
            ports = {one.value.rpartition(":")[2] for one in socket.all(kind, "Socket")}
            if not socket.exists or str(self.port) not in ports:
                continue
            stem = socket.name.removesuffix(".socket")
            accepts = socket.last("Accept", "Socket").lower() in ("yes", "true", "on", "1")
            name = socket.last("Service", "Socket") or (f"{stem}@.service" if accepts else f"{stem}.service")
            unit = self.units.unit(name)
            if any(command.program in {*self.programs, *self._program_paths()} for command in unit.commands()):
                return socket.name if accepts else unit.name
        return ""

    # ------------------------------------------------------------------------------------------------- who starts it
    def unit(self) -> str:
        """Return the unit that runs the process, by the control group, whatever the unit is called. Empty if somebody
        started the process by hand."""
        return self.genuine().unit

    def unit_file(self) -> SystemdUnit:
        """Return the unit that runs the process, or, if none does, the unit of the task or of the program."""
        here = self.here()
        name = self.unit() if here else ""
        return self.units.unit(name) if name else self.expected_unit()

    def expected_unit(self) -> SystemdUnit:
        """Return the unit that starts the program at boot by its files, or else the unit that the task names, or else
        any unit that starts the program."""
        asked = self.units.unit(self.asked_unit) if self.asked_unit else None
        if asked and asked.exists and self.units.starts_at_boot(asked.name):
            return asked
        found = [unit for program in self.programs for unit in self.units.running(program)]
        found.sort(key=lambda unit: ("@" in unit.name, not unit.path.startswith("/etc/"), unit.name))
        name = next((unit.name for unit in found if self.units.starts_at_boot(unit.name)), "")
        if asked and asked.path and not name:
            return asked
        return self.units.unit(name or (found[0].name if found else self.asked_unit or self.name))

    # --------------------------------------------------------------------------------------------------- why is it down
    def down(self) -> Pair:
        """Return the words that explain why nobody listens: where the program listens instead, the state of the unit by
        its files and by /proc, and the end of the log."""
        parts: list[Pair] = [
            (f"no program listens on port {self.port}", f"没有程序监听 {self.port} 端口"),
        ]
        known = {*self.programs, *(one[-1] for one in self.links.values())}
        elsewhere = [socket_words(one) for one in self.box.listeners() if one.program in known]
        unit = self.expected_unit()
        if elsewhere:
            parts.append(say.joined((f"{self.name} listens on ", f"{self.name} 监听的是 "), say.listed(elsewhere)))
        elif not unit.exists:
            parts.append(state_of(unit))
        elif self._in_group(unit):
            parts.append(
                (
                    f"{unit.name} has a process, which does not listen there",
                    f"{unit.name} 有进程在运行，但没有监听该端口",
                )
            )
        else:
            boot = self.units.starts_at_boot(unit.name)
            parts.append(
                (
                    f"{unit.name} has no process" + ("" if boot else " and does not start at boot"),
                    f"{unit.name} 没有进程在运行" + ("" if boot else "，也没有设为开机自启"),
                )
            )
        if unit.missing:
            parts.append(
                (f"{unit.missing[0]} (EnvironmentFile=) is missing", f"缺少 {unit.missing[0]}（EnvironmentFile=）")
            )
        last = "" if elsewhere else " / ".join(self._log(unit, 3).split("\n"))
        if last:
            parts.append((f"its log ends: {last}", f"日志结尾：{last}"))
        return "; ".join(english for english, _ in parts), "；".join(chinese for _, chinese in parts)

    def see(self) -> str:
        """Return a command that shows why the service is down."""
        unit = self.expected_unit()
        known = {*self.programs, *(one[-1] for one in self.links.values())}
        if not unit.exists or any(one.program in known for one in self.box.listeners()):
            return "ss -lntup"
        path = log_lines(self.box, self.programs[0], unit, 1, self.logs)[1]
        if path == "journal":
            return f"journalctl -u {unit.name} -n 20 --no-pager"
        return f"systemctl status {unit.name}" + (f"; tail -n 20 {shlex.quote(path)}" if path else "")

    def _in_group(self, unit: SystemdUnit) -> bool:
        state = processes_of(self.box, [])
        first = state[1].groups if 1 in state else ""
        return any(unit_of(one.groups, first) in unit.names for one in state.values())

    def log(self, lines: int = 3) -> str:
        """Return the last lines of the program's log, without control characters. The learner can write that file."""
        return self._log(self.unit_file(), lines)

    def _log(self, unit: SystemdUnit, lines: int) -> str:
        return log_lines(self.box, self.programs[0], unit, lines, self.logs)[0]


def state_of(unit: SystemdUnit) -> Pair:
    """Return the words for a unit that can't be started."""
    if unit.masked:
        return f"{unit.name} is masked by {unit.path}", f"{unit.name} 被 {unit.path} 屏蔽（masked）"
    return f"there is no unit {unit.name}", f"没有单元 {unit.name}"
