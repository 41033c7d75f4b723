"""The configuration of containers: what the engine is asked to create, and above all what is excluded."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from typing import Any

import msgspec
import pytest
from samples import make_lab, make_specs

from labctl.adapters.docker.config import (
    CAPABILITIES,
    box_config,
    boxes_cgroup,
    keeper_config,
    keeper_hash,
    probe_config,
    switch_config,
    toolbox_config,
)

(SPEC, OTHER, _) = make_specs(make_lab())
SOCKET = "/var/run/docker.sock"

# Capabilities by which root in a box could get out of it (capabilities(7)).
WALLS = {
    *(
        "SYS_ADMIN",
        "SYS_PTRACE",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_BOOT",
        "SYS_TIME",
        "SYSLOG",
        "MKNOD",
        "BPF",
        "PERFMON",
    ),
    *("DAC_READ_SEARCH", "NET_ADMIN", "MAC_ADMIN", "MAC_OVERRIDE", "SETFCAP", "SYS_RESOURCE", "LINUX_IMMUTABLE"),
}


@pytest.fixture
def host() -> dict[str, Any]:
    config: dict[str, Any] = box_config(SPEC, "labctl-toolbox-1")["HostConfig"]
    return config


def test_a_box_is_never_privileged_and_shares_nothing_with_the_host(host: dict[str, Any]) -> None:
    assert not host.get("Privileged")
    for name in ("PidMode", "UTSMode", "UsernsMode", "Binds", "VolumesFrom", "Devices", "DeviceCgroupRules", "Links"):
        assert name not in host
    assert host["NetworkMode"] == "none"
    assert host["IpcMode"] == "private"
    assert host["CgroupnsMode"] == "private"
    assert not host.get("PublishAllPorts") and "PortBindings" not in host


def test_no_container_runs_in_the_hosts_cgroup_namespace() -> None:
    made = (keeper_config("k", "t", SOCKET), switch_config("k"), probe_config("k", "t"))
    assert [config["HostConfig"]["CgroupnsMode"] for config in made] == ["private"] * 3


def test_a_boxs_confinement_is_dockers_default(host: dict[str, Any]) -> None:
    """None of seccomp=unconfined, apparmor=unconfined and systempaths=unconfined is set."""
    assert not host.get("SecurityOpt")
    assert "MaskedPaths" not in host and "ReadonlyPaths" not in host


def test_a_box_has_only_the_listed_capabilities(host: dict[str, Any]) -> None:
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] == sorted(CAPABILITIES)
    assert not WALLS & set(host["CapAdd"])


def test_a_capability_of_the_lab_is_added() -> None:
    spec = msgspec.structs.replace(SPEC, capabilities=("NET_ADMIN",))
    assert box_config(spec, "t")["HostConfig"]["CapAdd"] == sorted({*CAPABILITIES, "NET_ADMIN"})


def test_the_read_only_toolbox_is_the_only_mount_of_a_box(host: dict[str, Any]) -> None:
    assert host["Mounts"] == [
        {"Type": "volume", "Source": "labctl-toolbox-1", "Target": "/.labctl", "ReadOnly": True},
    ]
    assert "docker.sock" not in json.dumps(host)
    assert set(host["Tmpfs"]) == {"/run", "/run/lock"}
    assert all("size=" in options for options in host["Tmpfs"].values())


def test_a_boxs_limits_cannot_be_bypassed_by_swap(host: dict[str, Any]) -> None:
    assert host["Memory"] == host["MemorySwap"] == SPEC.memory == 256 << 20
    assert host["NanoCpus"] == 1_000_000_000
    assert host["PidsLimit"] == 256
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1024, "Hard": 8192}]
    assert host["LogConfig"]["Config"]["max-size"]


def test_sysctls_are_passed_as_text() -> None:
    spec = msgspec.structs.replace(SPEC, sysctls={"net.ipv4.ip_forward": 1})
    assert box_config(spec, "t")["HostConfig"]["Sysctls"] == {"net.ipv4.ip_forward": "1"}


def test_fractional_cpus_are_whole_nanocpus() -> None:
    host = box_config(msgspec.structs.replace(SPEC, cpus=0.3), "t")["HostConfig"]
    assert host["NanoCpus"] == 300_000_000
    assert isinstance(host["NanoCpus"], int)


def test_a_box_always_restarts(host: dict[str, Any]) -> None:
    assert host["RestartPolicy"] == {"Name": "always"}
    assert box_config(SPEC, "t")["StopSignal"] == "SIGRTMIN+3"


def test_a_box_boots_by_the_toolboxs_shell() -> None:
    assert box_config(SPEC, "t")["Entrypoint"] == ["/.labctl/bin/busybox", "sh", "/.labctl/bin/boot"]


def test_a_box_has_the_host_names_of_the_others(host: dict[str, Any]) -> None:
    assert host["ExtraHosts"] == ["master:10.10.10.11", "replica1:10.10.10.12", "replica2:10.10.10.13"]


def test_a_boxs_files_are_the_argument_of_its_entrypoint() -> None:
    (payload,) = box_config(SPEC, "t")["Cmd"]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(base64.b64decode(payload)))) as tar:
        found = {f"/{item.name}": tar.extractfile(item).read() for item in tar}  # type: ignore[union-attr]
    assert found == {file.path: file.content for file in SPEC.files}
    assert box_config(msgspec.structs.replace(SPEC, files=()), "t")["Cmd"] == [""]
    assert box_config(SPEC, "t") == box_config(SPEC, "t")


@pytest.mark.parametrize(("driver", "cgroup"), [("systemd", "labctl.slice"), ("cgroupfs", "/labctl.slice")])
def test_all_boxes_are_in_one_cgroup(driver: str, cgroup: str) -> None:
    assert boxes_cgroup(driver) == cgroup
    assert box_config(SPEC, "t", cgroup)["HostConfig"]["CgroupParent"] == cgroup


def test_boxes_have_no_cgroup_parent_if_the_engine_uses_no_cgroups() -> None:
    assert boxes_cgroup("none") == ""
    assert "CgroupParent" not in box_config(SPEC, "t")["HostConfig"]


def test_a_box_has_all_labels_of_its_spec() -> None:
    assert box_config(SPEC, "t")["Labels"] == SPEC.all_labels()


def test_the_keeper_has_five_capabilities_one_socket_and_no_network() -> None:
    config = keeper_config("labctl/keeper:1", "labctl-toolbox-1", SOCKET)
    host = config["HostConfig"]
    assert not host.get("Privileged")
    assert host["CapDrop"] == ["ALL"]
    assert sorted(host["CapAdd"]) == ["DAC_READ_SEARCH", "NET_ADMIN", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"]
    assert host["NetworkMode"] == "none"
    assert host["PidMode"] == "host"
    assert host["ReadonlyRootfs"] is True
    assert host["RestartPolicy"] == {"Name": "always"}
    assert host["Memory"] <= 384 << 20 and host["PidsLimit"] <= 128
    assert [(mount["Type"], mount["Source"], mount["Target"]) for mount in host["Mounts"]] == [
        ("bind", SOCKET, "/var/run/docker.sock"),
        ("volume", "labctl-toolbox-1", "/.labctl"),
    ]
    assert config["Labels"]["labctl.role"] == "keeper"
    assert config["StopSignal"] == "SIGTERM"  # otherwise Docker takes SIGUSR1 for a stop request


@pytest.mark.parametrize("changed", [("k:2", "t", SOCKET), ("k:1", "u", SOCKET), ("k:1", "t", "/other.sock")])
def test_another_image_toolbox_or_socket_changes_the_keepers_hash(changed: tuple[str, str, str]) -> None:
    assert keeper_hash("k:1", "t", SOCKET) != keeper_hash(*changed)
    assert keeper_config(*changed)["Labels"]["labctl.spec-hash"] == keeper_hash(*changed)


def test_the_switch_has_no_capability_and_forwards_nothing() -> None:
    config = switch_config("labctl/keeper:1")
    host = config["HostConfig"]
    assert host["CapDrop"] == ["ALL"] and "CapAdd" not in host
    assert host["NetworkMode"] == "none"
    assert "Mounts" not in host and "PidMode" not in host and not host.get("Privileged")
    assert host["Sysctls"]["net.ipv4.ip_forward"] == "0"
    assert host["RestartPolicy"] == {"Name": "always"}
    assert config["Entrypoint"] == ["sleep", "infinity"]
    assert config["Labels"]["labctl.role"] == "switch"


def test_the_toolbox_volume_is_filled_by_a_container_that_is_no_box() -> None:
    config = toolbox_config("labctl/toolbox:1", "labctl-toolbox-1")
    assert config["Labels"]["labctl.role"] == "toolbox"
    assert config["HostConfig"]["NetworkMode"] == "none"
    (mount,) = config["HostConfig"]["Mounts"]
    assert mount["VolumeOptions"]["Labels"] == {"labctl.role": "toolbox"}
