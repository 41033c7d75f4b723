"""The specification of a box's container. It depends only on lab, learner and params."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping

import msgspec

from labctl.domain import naming, wiring
from labctl.domain.lab.model import Lab, LabFile, gateway_network, size_in_bytes
from labctl.domain.lab.params import Params, template_values
from labctl.domain.server import LOCAL, ServerId
from labctl.domain.text import fill

_KEEPERS = frozenset({wiring.LABEL_GRACE, wiring.LABEL_IDLE, wiring.LABEL_DISK})


class File(msgspec.Struct, frozen=True):
    """A file to put into a box."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


class BoxSpec(msgspec.Struct, frozen=True):
    """The complete specification of a box. Sizes are in bytes, cpus in cores. ``hosts`` maps names to addresses for
    /etc/hosts."""

    name: str
    container: str
    image: str
    hostname: str
    labels: dict[str, str]
    links: tuple[wiring.Cable, ...]
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
        """A hash that shows whether a running box was created from this specification.

        The hash ignores the expiry, because hours are counted from each ``up``. The hash also ignores the limits that
        the keeper enforces, so that a learner keeps the work if a limit changes.
        """
        labels = {name: value for name, value in self.labels.items() if name not in _KEEPERS}
        lasting = msgspec.structs.replace(self, labels={**labels, wiring.LABEL_EXPIRES: "0"})
        return hashlib.sha256(msgspec.msgpack.encode(lasting)).hexdigest()[:16]

    def all_labels(self) -> dict[str, str]:
        """Return the labels, together with the wiring and the hash of the specification."""
        return {
            **self.labels,
            wiring.LABEL_WIRING: wiring.encode(self.links),
            wiring.LABEL_SPEC_HASH: self.spec_hash,
        }


class Instance(msgspec.Struct, frozen=True):
    """A lab of a learner on a server, with the values that it was created with.

    ``expires`` is in seconds since 1970, 0 for never. ``clone`` is empty, or a short text of lower-case letters and
    digits that names a clone of the learner's instance. A clone has its own names and bridges, and the same hostnames
    and addresses. ``cpus`` limits the cores of all boxes together, 0 for no limit. ``grace`` is the time in seconds
    from the expiry to the removal, -1 for never. ``idle`` is the time in seconds without users until the instance is
    stopped, 0 for never. ``disk`` limits the bytes that may be written in one box, 0 for no limit.
    """

    lab: str
    learner: str
    seed: str
    expires: int = 0
    clone: str = ""
    cpus: float = 0.0
    grace: int = -1
    idle: int = 0
    disk: int = 0
    server: ServerId = LOCAL

    @property
    def id(self) -> str:
        """The instance's name in the store."""
        return naming.instance_id(self.lab, self.learner, self.clone)

    @property
    def original(self) -> str:
        """The name of the learner's instance. For a clone, this is the instance that it was cloned from."""
        return naming.instance_id(self.lab, self.learner)

    def limit_labels(self) -> dict[str, str]:
        """Return the labels for the limits that the keeper enforces. Nobody works in a clone, so it gets only the disk
        limit, without the limits for idle and grace time."""
        disk = {wiring.LABEL_DISK: str(self.disk)} if self.disk else {}
        if self.clone:
            return disk
        idle = {wiring.LABEL_IDLE: str(self.idle)} if self.idle else {}
        grace = {wiring.LABEL_GRACE: str(self.grace)} if self.grace >= 0 else {}
        return {**grace, **idle, **disk}

    def clone_image_labels(self, store: str = "") -> dict[str, str]:
        """Return the labels of an image that is committed from a box of the instance. Clones are created from this
        image until it expires. ``store`` is the id of the store that the image belongs to."""
        return {
            wiring.LABEL_ROLE: wiring.ROLE_CLONE_IMAGE,
            wiring.LABEL_CLONE: naming.on_engine(self.original, store),
            wiring.LABEL_OWNER: naming.owner_on_engine(self.learner, store),
            wiring.LABEL_EXPIRES: str(self.expires),
            **_store_label(store),
        }


def _store_label(store: str) -> dict[str, str]:
    return {wiring.LABEL_STORE: store} if store else {}


def box_specs(
    lab: Lab, instance: Instance, params: Params, images: Mapping[str, str], store: str = ""
) -> tuple[BoxSpec, ...]:
    """Return the specifications of an instance's boxes.

    ``images`` maps each box to its image's tag. For a clone, it maps each box to the id of the committed image, which
    contains the learner's files with all changes. ``store`` is the id of the store that the boxes belong to
    (``observed.home``). Without an id, the names have the old form, from before stores had ids.
    """
    called = naming.on_engine(instance.id, store)
    values = template_values(lab, instance.learner, params)
    hosts = {name: lab.address_of(name) for name in lab.boxes if lab.address_of(name)}
    cpus = shared_out({name: box.cpus for name, box in lab.boxes.items()}, instance.cpus)
    specs = []
    for name, box in lab.boxes.items():
        links = tuple(
            wiring.Cable(
                interface=f"eth{index}",
                bridge=wiring.bridge_name(called, network),
                address=_with_prefix(lab, network, address),
                mac=wiring.mac_address(called, name, network),
                gateway=(box.gateway or "") if network == gateway_network(lab, box) else "",
            )
            for index, (network, address) in enumerate(box.networks.items())
        )
        labels = {
            wiring.LABEL_ROLE: wiring.ROLE_BOX,
            wiring.LABEL_LAB: lab.name,
            wiring.LABEL_BOX: name,
            wiring.LABEL_INSTANCE: called,
            wiring.LABEL_OWNER: naming.owner_on_engine(instance.learner, store),
            **_store_label(store),
            wiring.LABEL_SEED: instance.seed,
            wiring.LABEL_EXPIRES: str(instance.expires),
            **({wiring.LABEL_CLONE: naming.on_engine(instance.original, store)} if instance.clone else {}),
            **instance.limit_labels(),
        }
        specs.append(
            BoxSpec(
                name=name,
                container=naming.container_name(called, name),
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
    """Return the cores of each box. If the sum of the cores is above ``limit``, each box's cores are reduced by the
    same factor. A limit of 0 means no limit."""
    whole = sum(cpus.values())
    if not limit or whole <= limit:
        return cpus
    # The engine accepts no less than a hundredth of a core.
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
    """Return the files as a tar archive. The same files always give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in files:
            info = tarfile.TarInfo(file.path.lstrip("/"))
            info.size, info.mode, info.uid, info.gid = len(file.content), file.mode, file.uid, file.gid
            tar.addfile(info, io.BytesIO(file.content))
    return buffer.getvalue()
