"""What a box's container is made from, decided by lab, learner and params alone."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping

import msgspec

from labctl.domain import naming, wiring
from labctl.domain.lab import Lab, LabFile, gateway_network, size_in_bytes
from labctl.domain.params import Params, template_values
from labctl.domain.text import fill


class File(msgspec.Struct, frozen=True):
    """A file to put into a box."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


class BoxSpec(msgspec.Struct, frozen=True):
    """Everything that makes a box. Sizes in bytes, cpus in cores; ``hosts`` maps names to addresses for /etc/hosts."""

    name: str
    container: str
    image: str
    hostname: str
    labels: dict[str, str]
    links: tuple[wiring.Link, ...]
    hosts: dict[str, str]
    memory: int
    cpus: float
    pids: int
    nofile: int
    capabilities: tuple[str, ...]
    sysctls: dict[str, int]
    files: tuple[File, ...]

    @property
    def spec_hash(self) -> str:
        """Tells whether a running box was made from this specification. When it expires doesn't count: hours that are
        counted from each ``up`` make no box another one."""
        lasting = msgspec.structs.replace(self, labels={**self.labels, wiring.LABEL_EXPIRES: "0"})
        return hashlib.sha256(msgspec.msgpack.encode(lasting)).hexdigest()[:16]

    def all_labels(self) -> dict[str, str]:
        """The labels, with the wiring and the hash of the whole."""
        return {
            **self.labels,
            wiring.LABEL_WIRING: wiring.encode(self.links),
            wiring.LABEL_SPEC_HASH: self.spec_hash,
        }


class Instance(msgspec.Struct, frozen=True):
    """Whose lab this is, and what it was made with. ``expires`` in seconds since 1970, 0 for never. ``clone``: a few
    lower-case letters and digits that make it a clone of the learner's instance, with names and bridges of its own, and
    the same hostnames and addresses. ``cpus``: so many cores are shared out among its boxes, where these would have
    more; 0 is no limit."""

    lab: str
    learner: str
    seed: str
    expires: int = 0
    clone: str = ""
    cpus: float = 0.0

    @property
    def id(self) -> str:
        """The instance's name, as on its boxes' labels."""
        return naming.instance_id(self.lab, self.learner, self.clone)

    @property
    def original(self) -> str:
        """The name of the learner's instance; of a clone, the one that it is a clone of."""
        return naming.instance_id(self.lab, self.learner)

    def clone_image_labels(self) -> dict[str, str]:
        """Of an image that is committed from a box of it, to make clones from until it expires."""
        return {
            wiring.LABEL_ROLE: wiring.ROLE_CLONE_IMAGE,
            wiring.LABEL_CLONE: self.original,
            wiring.LABEL_OWNER: self.learner,
            wiring.LABEL_EXPIRES: str(self.expires),
        }


def box_specs(lab: Lab, instance: Instance, params: Params, images: Mapping[str, str]) -> tuple[BoxSpec, ...]:
    """The boxes of an instance. ``images`` maps each box to its image's tag, or, for a clone, to the id of the image
    that was committed from it: the learner's files are in there, and what the learner made of them."""
    values = template_values(lab, instance.learner, params)
    hosts = {name: lab.address_of(name) for name in lab.boxes if lab.address_of(name)}
    cpus = shared_out({name: box.cpus for name, box in lab.boxes.items()}, instance.cpus)
    specs = []
    for name, box in lab.boxes.items():
        links = tuple(
            wiring.Link(
                interface=f"eth{index}",
                bridge=wiring.bridge_name(instance.id, network),
                address=_with_prefix(lab, network, address),
                mac=wiring.mac_address(instance.id, name, network),
                gateway=(box.gateway or "") if network == gateway_network(lab, box) else "",
            )
            for index, (network, address) in enumerate(box.networks.items())
        )
        labels = {
            wiring.LABEL_ROLE: wiring.ROLE_BOX,
            wiring.LABEL_LAB: lab.name,
            wiring.LABEL_BOX: name,
            wiring.LABEL_INSTANCE: instance.id,
            wiring.LABEL_OWNER: instance.learner,
            wiring.LABEL_SEED: instance.seed,
            wiring.LABEL_EXPIRES: str(instance.expires),
            **({wiring.LABEL_CLONE: instance.original} if instance.clone else {}),
        }
        specs.append(
            BoxSpec(
                name=name,
                container=naming.container_name(instance.id, name),
                image=images[name],
                hostname=name,
                labels=labels,
                links=links,
                hosts=hosts,
                memory=size_in_bytes(box.memory),
                cpus=cpus[name],
                pids=box.pids,
                nofile=box.nofile,
                capabilities=tuple(box.capabilities),
                sysctls=dict(box.sysctls),
                files=() if instance.clone else _files(lab, name, values),
            )
        )
    return tuple(specs)


def shared_out(cpus: dict[str, float], limit: float) -> dict[str, float]:
    """Box to cores, all scaled down alike where together they are more than ``limit`` (0: none)."""
    whole = sum(cpus.values())
    if not limit or whole <= limit:
        return cpus
    # The engine takes hundredths of a core and more.
    return {name: max(0.01, round(each * limit / whole, 3)) for name, each in cpus.items()}


def _with_prefix(lab: Lab, network: str, address: str) -> str:
    return f"{address}/{lab.networks[network].subnet.partition('/')[2]}"


def _files(lab: Lab, box: str, values: Mapping[str, object]) -> tuple[File, ...]:
    own = (File("/etc/labctl/box", f"{lab.name}\n".encode()),)
    return own + tuple(_rendered(file, values) for file in lab.files if not file.boxes or box in file.boxes)


def _rendered(file: LabFile, values: Mapping[str, object]) -> File:
    uid, _, gid = file.owner.partition(":")
    return File(file.path, fill(file.content, values).encode(), int(file.mode, 8), int(uid), int(gid))


def archive(files: tuple[File, ...]) -> bytes:
    """The files as a tar archive, the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in files:
            info = tarfile.TarInfo(file.path.lstrip("/"))
            info.size, info.mode, info.uid, info.gid = len(file.content), file.mode, file.uid, file.gid
            tar.addfile(info, io.BytesIO(file.content))
    return buffer.getvalue()
