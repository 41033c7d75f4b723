"""Configurations of the containers that labctl creates, as data. Pure, so that tests can check what they contain."""

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

# Docker's default set, without two capabilities that no lab needs: MKNOD (make devices) and SETFCAP (file
# capabilities). AUDIT_WRITE stays, because sshd and sudo refuse a root login if they may not write to the audit log.
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

# The keeper enters the namespaces of boxes (SYS_ADMIN, SYS_CHROOT), finds them in /proc (SYS_PTRACE) and wires networks
# (NET_ADMIN). It also measures the size of unreadable folders (DAC_READ_SEARCH).
KEEPER_CAPABILITIES = ("SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH")

_TTY_GROUP = "5"
"""The group of terminals in boxes. Docker mounts the devpts(5) of boxes with this group. Members of the group may write
to the terminals (wall(1))."""

# Increase this number when keeper_config changes, so that existing keepers are replaced.
_KEEPER_FORM = 5
_PROBE_FORM = 1

_LOGS = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
# labctl reads the keeper's notes about boxes from this log. With two files, a rotation does not delete all earlier
# lines.
_KEEPER_LOGS = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}


def boxes_cgroup(driver: str) -> str:
    """Return HostConfig.CgroupParent of all boxes for this cgroup driver, or an empty string if the driver creates
    no cgroups. With the driver cgroupfs the path must be absolute. The engine resolves a relative path below its own
    cgroup."""
    return {"systemd": wiring.SLICE, "cgroupfs": f"/{wiring.SLICE}"}.get(driver, "")


def refuse_unmeasured(spec: BoxSpec, driver: str) -> None:
    """Raise EngineError if a box has a disk limit, and labctl can't measure disk use with this storage driver. Without
    measurements, labctl could not enforce the limit."""
    if wiring.LABEL_DISK in spec.all_labels() and driver not in MEASURED_DRIVERS:
        raise EngineError(
            "labctl can't enforce the disk limit of {box}: it can't measure writes with the storage driver {driver}",
            hint=Hint.DOCTOR,
            driver=driver,
            box=spec.name,
        )


def box_config(spec: BoxSpec, toolbox_volume: str, cgroup: str = "") -> dict[str, Any]:
    """Return the body of POST /containers/create for a box. The box is unprivileged, systemd is its first process, and
    the keeper connects it to its networks. ``cgroup`` is the parent cgroup.

    The learner's files are an argument of the entry script. An archive call would start another process in the engine.
    With the argument, a box also never exists without its files.
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
    """Return the body of POST /containers/create for the keeper. The keeper mounts the toolbox's volume so that the
    volume is not pruned."""
    return {
        "Image": image,
        # The stop signal is set explicitly. Without this setting Docker treats any signal that is sent (SIGUSR1 too) as
        # a stop request, and then ignores the restart policy.
        "StopSignal": "SIGTERM",
        "Labels": {
            wiring.LABEL_ROLE: wiring.ROLE_KEEPER,
            wiring.LABEL_SPEC_HASH: keeper_hash(image, toolbox_volume, engine_socket),
        },
        "HostConfig": {
            "NetworkMode": "none",
            "PidMode": "host",
            # The keeper joins the engine's cgroup namespace by itself. With "host" the engine would mount cgroup2 for
            # the keeper in that namespace, and this mount removes nsdelegate from the whole machine.
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
            # Each command that holds boxes (labctl.keeper.hold) takes 10 MiB, and each running verify has one such
            # command.
            "Memory": 384 << 20,
            "PidsLimit": 128,
            "LogConfig": _KEEPER_LOGS,
        },
    }


def keeper_hash(image: str, toolbox_volume: str, engine_socket: str) -> str:
    """Return the value of a label that names the keeper's image, volume, socket and form (``_KEEPER_FORM``). A keeper
    with another value is outdated."""
    return f"{image} {toolbox_volume} {engine_socket} {_KEEPER_FORM}"


def switch_config(image: str) -> dict[str, Any]:
    """Return the body of POST /containers/create for the switch. The switch is a permanent network namespace without an
    address and without a route out."""
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


# The probe enters the namespaces of boxes (SYS_ADMIN, SYS_CHROOT) and finds them in /proc (SYS_PTRACE). It connects
# places to networks (NET_ADMIN), reads private files of learners (DAC_OVERRIDE) and pings (NET_RAW). It drops all these
# capabilities again (SETPCAP) and ends commands that hang (KILL).
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
    """Return the body of POST /containers/create for the probe. The probe sleeps until a verify starts an agent in it
    (``labctl.probe``). Unlike the keeper, the probe can't reach the engine, because its agents connect to servers of
    learners."""
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
    """Return the value of a label that names the probe's image, volume and form (``_PROBE_FORM``). A probe with another
    value is outdated."""
    return f"{image} {toolbox_volume} {_PROBE_FORM}"


def toolbox_config(image: str, toolbox_volume: str) -> dict[str, Any]:
    """Return the body of POST /containers/create for a container that is never started. Its creation copies the image's
    /.labctl into the new volume."""
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
