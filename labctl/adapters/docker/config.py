"""Containers as data: what the engine is asked to make. Pure, so that a test can say what is in it, and what isn't."""

from __future__ import annotations

import base64
import gzip
from typing import Any

from labctl.domain import wiring
from labctl.domain.boxspec import BoxSpec, archive
from labctl.domain.diagnosis import MEASURED_DRIVERS
from labctl.domain.toolbox import BUSYBOX, TOOLBOX
from labctl.errors import EngineError
from labctl.hints import Hint

# Docker's default set less what no lab needs: making devices (MKNOD), file capabilities (SETFCAP).
# AUDIT_WRITE stays: sshd and sudo refuse a root login where they may not write to the audit log.
CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)

# The keeper enters the namespaces of boxes (SYS_ADMIN, SYS_CHROOT), finds them in /proc (SYS_PTRACE), wires
# (NET_ADMIN), counts what was written in folders that nobody may read (DAC_READ_SEARCH).
KEEPER_CAPABILITIES = ("SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH")

_TTY_GROUP = "5"
"""Of terminals in boxes: Docker mounts their devpts(5) with it. Members may write to them (wall(1))."""

# Counted up when keeper_config changes, so that keepers of before are replaced.
_KEEPER_FORM = 5
_PROBE_FORM = 1

_LOGS = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
# What it noted of boxes is read there: where the log begins anew, the lines before aren't all lost.
_KEEPER_LOGS = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}


def boxes_cgroup(driver: str) -> str:
    """HostConfig.CgroupParent of all boxes, for an engine that makes cgroups by that driver; nothing where it makes
    none. What an engine of cgroupfs isn't told from the root on, it takes from where it is itself."""
    return {"systemd": wiring.SLICE, "cgroupfs": f"/{wiring.SLICE}"}.get(driver, "")


def refuse_unmeasured(spec: BoxSpec, driver: str) -> None:
    """Raises EngineError for a box with a limit on what it writes, where that can't be measured: a limit that doesn't
    hold is none."""
    if wiring.LABEL_DISK in spec.all_labels() and driver not in MEASURED_DRIVERS:
        raise EngineError(
            "labctl can't enforce the disk limit of {box}: it can't measure writes with the storage driver {driver}",
            hint=Hint.DOCTOR,
            driver=driver,
            box=spec.name,
        )


def box_config(spec: BoxSpec, toolbox_volume: str, cgroup: str = "") -> dict[str, Any]:
    """POST /containers/create for a box: systemd as its first process, unprivileged, wired by the keeper. ``cgroup``:
    the one to put it in.

    The files of its learner are an argument of its entry script, not an archive call: that costs nothing (an archive
    call starts a process in the engine), and there is no state between made and filled.
    """
    payload = base64.b64encode(gzip.compress(archive(spec.files), 6, mtime=0)).decode() if spec.files else ""
    return {
        "Image": spec.image,
        "Hostname": spec.hostname,
        "Labels": spec.all_labels(),
        "Entrypoint": [BUSYBOX, "sh", f"{TOOLBOX}/bin/boot"],
        "Cmd": [payload],
        "StopSignal": "SIGRTMIN+3",
        "HostConfig": {
            "NetworkMode": "none",
            "CgroupnsMode": "private",
            "IpcMode": "private",
            "Tmpfs": {"/run": "mode=755,size=64m", "/run/lock": "mode=1777,size=8m"},
            "Mounts": [{"Type": "volume", "Source": toolbox_volume, "Target": TOOLBOX, "ReadOnly": True}],
            "RestartPolicy": {"Name": "always"},
            "CapDrop": ["ALL"],
            "CapAdd": sorted({*CAPABILITIES, *spec.capabilities}),
            "Sysctls": {name: str(value) for name, value in spec.sysctls.items()},
            "ExtraHosts": [f"{name}:{address}" for name, address in spec.hosts.items()],
            "Memory": spec.memory,
            "MemorySwap": spec.memory,
            "NanoCpus": int(spec.cpus * 1_000_000_000),
            "PidsLimit": spec.pids,
            "Ulimits": [{"Name": "nofile", "Soft": min(1024, spec.nofile), "Hard": spec.nofile}],
            "LogConfig": _LOGS,
            **({"CgroupParent": cgroup} if cgroup else {}),
        },
    }


def keeper_config(image: str, toolbox_volume: str, engine_socket: str) -> dict[str, Any]:
    """POST /containers/create for the keeper. The toolbox's volume is on it so that nobody prunes it."""
    return {
        "Image": image,
        # Said, since without it Docker takes any signal that is sent (SIGUSR1 too) for a wish to end it, and then its
        # restart policy is off.
        "StopSignal": "SIGTERM",
        "Labels": {
            wiring.LABEL_ROLE: wiring.ROLE_KEEPER,
            wiring.LABEL_SPEC_HASH: keeper_hash(image, toolbox_volume, engine_socket),
        },
        "HostConfig": {
            "NetworkMode": "none",
            "PidMode": "host",
            # It joins the engine's by itself. With "host" a mount of cgroup2 would be made for it in that one, which
            # takes nsdelegate from the whole machine.
            "CgroupnsMode": "private",
            "RestartPolicy": {"Name": "always"},
            "CapDrop": ["ALL"],
            "CapAdd": list(KEEPER_CAPABILITIES),
            "GroupAdd": [_TTY_GROUP],
            "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
            "ReadonlyRootfs": True,
            "Mounts": [
                {"Type": "bind", "Source": engine_socket, "Target": "/var/run/docker.sock"},
                {"Type": "volume", "Source": toolbox_volume, "Target": TOOLBOX, "ReadOnly": True},
            ],
            # Commands that hold boxes (labctl.keeper.hold) take 10 MiB each, as many as verifies run at a time.
            "Memory": 384 << 20,
            "PidsLimit": 128,
            "LogConfig": _KEEPER_LOGS,
        },
    }


def keeper_hash(image: str, toolbox_volume: str, engine_socket: str) -> str:
    """What a keeper was made from, as a label: another one means that it is outdated."""
    return f"{image} {toolbox_volume} {engine_socket} {_KEEPER_FORM}"


def switch_config(image: str) -> dict[str, Any]:
    """POST /containers/create for the switch: a network namespace that stays, with no address and no way out."""
    return {
        "Image": image,
        "Labels": {wiring.LABEL_ROLE: wiring.ROLE_SWITCH, wiring.LABEL_SPEC_HASH: "1"},
        "Entrypoint": ["sleep", "infinity"],
        "StopSignal": "SIGKILL",
        "HostConfig": {
            "NetworkMode": "none",
            "CgroupnsMode": "private",
            "RestartPolicy": {"Name": "always"},
            "CapDrop": ["ALL"],
            "ReadonlyRootfs": True,
            "Sysctls": {
                "net.ipv4.ip_forward": "0",
                "net.ipv6.conf.all.disable_ipv6": "1",
                "net.ipv6.conf.default.disable_ipv6": "1",
            },
            "Memory": 16 << 20,
            "PidsLimit": 16,
            "LogConfig": _LOGS,
        },
    }


# To enter the namespaces of boxes (SYS_ADMIN, SYS_CHROOT), find them in /proc (SYS_PTRACE), give places on networks a
# cable (NET_ADMIN), read what learners keep to themselves (DAC_OVERRIDE), ping (NET_RAW), give all that up again
# (SETPCAP) and end what hangs (KILL).
PROBE_CAPABILITIES = (
    "DAC_OVERRIDE",
    "KILL",
    "NET_ADMIN",
    "NET_RAW",
    "SETPCAP",
    "SYS_ADMIN",
    "SYS_CHROOT",
    "SYS_PTRACE",
)


def probe_config(image: str, toolbox_volume: str) -> dict[str, Any]:
    """POST /containers/create for the probe: it sleeps until a verify starts an agent in it (``labctl.probe``). Unlike
    the keeper it has no way to the engine: its agents talk to servers that learners wrote."""
    return {
        "Image": image,
        "Labels": {wiring.LABEL_ROLE: wiring.ROLE_PROBE, wiring.LABEL_SPEC_HASH: probe_hash(image, toolbox_volume)},
        "Entrypoint": ["sleep", "infinity"],
        "StopSignal": "SIGKILL",
        "HostConfig": {
            "NetworkMode": "none",
            "PidMode": "host",
            "CgroupnsMode": "private",
            "RestartPolicy": {"Name": "always"},
            "CapDrop": ["ALL"],
            "CapAdd": list(PROBE_CAPABILITIES),
            "SecurityOpt": ["apparmor=unconfined"],
            "ReadonlyRootfs": True,
            "Mounts": [{"Type": "volume", "Source": toolbox_volume, "Target": TOOLBOX, "ReadOnly": True}],
            "Memory": 2 << 30,
            "PidsLimit": 4096,
            "LogConfig": _LOGS,
        },
    }


def probe_hash(image: str, toolbox_volume: str) -> str:
    """What a probe was made from, as a label: another one means that it is outdated."""
    return f"{image} {toolbox_volume} {_PROBE_FORM}"


def toolbox_config(image: str, toolbox_volume: str) -> dict[str, Any]:
    """POST /containers/create for a container that is never started: making it copies the image's /.labctl into the new
    volume."""
    return {
        "Image": image,
        "Cmd": ["true"],
        "Labels": {wiring.LABEL_ROLE: "toolbox"},
        "HostConfig": {
            "NetworkMode": "none",
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": toolbox_volume,
                    "Target": TOOLBOX,
                    "VolumeOptions": {"Labels": {wiring.LABEL_ROLE: "toolbox"}},
                }
            ],
        },
    }
