"""Operations on namespaces and cables of the real machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket

from labctl.domain import wiring
from labctl.keeper import kernel
from labctl.node import cables


class Machine:
    """Implements MachinePort on Linux. Every method raises OSError if the kernel or ``ip`` refuses."""

    def interfaces(self, pid: int) -> set[str]:
        """Return the interfaces in the network namespace of that pid."""
        return cables.interfaces(pid)

    def add_bridges(self, pid: int, bridges: list[str]) -> None:
        """Create bridges in the switch."""
        cables.run(pid, [line for bridge in bridges for line in cables.bridge_lines(bridge)])

    def remove_bridges(self, pid: int, bridges: list[str]) -> None:
        """Remove bridges from the switch."""
        cables.run(pid, cables.remove_lines(bridges))

    def plug(self, switch: int, box: int, cables_: list[tuple[wiring.Cable, str]], there: set[str]) -> None:
        """Create cables between the switch and a box, set addresses, and set the cables up. The switch already has its
        end of the cables in ``there``."""
        made = [line for link, port in cables_ if port not in there for line in cables.cable_lines(link, port, box)]
        joined = [line for link, port in cables_ for line in cables.join_lines(link, port)]
        cables.run(switch, made + joined)
        cables.run(box, cables.box_lines(link for link, _ in cables_))

    def is_open(self, pid: int) -> bool:
        """Return whether the box may write to its cgroup already."""
        mount = kernel.cgroup_mount(kernel.mounts_of(pid))
        return mount is not None and mount.writable

    def open(self, pid: int) -> socket.socket | None:
        """Let the box start its systemd."""
        mount = kernel.cgroup_mount(kernel.mounts_of(pid))
        if mount is None:
            raise OSError("the box has no cgroup mount for systemd")
        if not kernel.delegation_is_safe(kernel.mounts_of(1)):
            raise OSError(
                "this machine mounts cgroup2 without nsdelegate: a box could lift its own limits. A container with "
                "--cgroupns=host removes this option; to restore it: mount -o"
                " remount,nsdelegate,memory_recursiveprot /sys/fs/cgroup"
            )
        listener = kernel.open_box(pid, mount, wiring.READY_SOCKET)
        # The first process of the box sleeps until this signal. A systemd that runs already ignores SIGCONT.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        return listener
