"""A lab as ``lab.yml`` defines it: boxes, networks, params, files and tasks.

The structs are the schema. msgspec decodes a file, checks its types and gives the path of each fault. :func:`faults`
checks what types can't express. The JSON Schema for editors is generated from the structs.
"""

# This module has no postponed annotations, because msgspec would have to compile each of them. That would take 30 ms in
# every command.

import contextlib
import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from labctl.domain.text import LANGUAGES, Language, Text, placeholders

NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, description="lower-case letters, digits and dashes")]
ParamName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="lower-case letters, digits, _")]
Size = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]*[kMG]iB$", description="a size such as 256MiB or 1GiB")]
Sysctl = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^net\.[a-z0-9_]+\.(?:conf\.(?:all|default)\.)?[a-z0-9_]+$",
        description="a network setting such as net.ipv4.ip_forward; for interfaces, only those of all or default",
    ),
]
Mode = Annotated[str, msgspec.Meta(pattern=r"^0[0-7]{3}$", description="octal permissions such as 0644")]

_UNITS = {"kiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

# The capabilities that a lab may request in addition to Docker's default set. SYS_ADMIN, SYS_PTRACE, SYS_MODULE … would
# break the isolation.
Capability = Literal["NET_ADMIN", "NET_BROADCAST", "IPC_LOCK", "SYS_NICE", "SYS_RESOURCE"]


def size_in_bytes(size: str) -> int:
    """Return ``256MiB`` as a number of bytes."""
    return int(size[:-3]) * _UNITS[size[-3:]]


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network of the lab. Each instance has its own switch, with the same addresses for every learner."""

    subnet: str


class ReadyWhen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a box is ready for checks: something listens on the TCP port, the path exists, or the command exits with 0.
    Exactly one of them is given. labctl waits for it at most ``seconds``, and only while something in the box is still
    starting. The learner's params replace each ``{{ name }}``."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | str | None = None
    path: str | None = None
    command: str | None = None
    seconds: Annotated[int, msgspec.Meta(ge=1, le=120)] = 20


class Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One Linux machine. ``networks`` gives the box's address on each network. The interface on the first network is
    eth0. ``gateway`` is the gateway of the box's default route. ``sysctls`` are kernel settings of the box's network.
    Nobody in the box can change these settings."""

    networks: dict[Name, str] = {}
    image: Name | None = None
    memory: Size = "256MiB"
    cpus: Annotated[float, msgspec.Meta(gt=0, le=16)] = 1.0
    pids: Annotated[int, msgspec.Meta(ge=32, le=4096)] = 256
    nofile: Annotated[int, msgspec.Meta(ge=256, le=20000)] = 8192
    capabilities: tuple[Capability, ...] = ()
    gateway: str | None = None
    sysctls: dict[Sysctl, int] = {}
    ready: ReadyWhen | None = None


class PortParam(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="port"):
    """A TCP or UDP port, from ``first`` to ``last``. All ports of a lab are different."""

    first: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 20000
    last: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 29999


class PasswordParam(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="password"):
    """A password of letters and digits that don't look alike (no 0 O 1 l I)."""

    length: Annotated[int, msgspec.Meta(ge=8, le=64)] = 14


class IntParam(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="int"):
    """A whole number from ``first`` to ``last``, in steps of ``step``."""

    first: int
    last: int
    step: Annotated[int, msgspec.Meta(ge=1)] = 1


class ChoiceParam(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="choice"):
    """One of the values in ``of``."""

    of: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]


Param = PortParam | PasswordParam | IntParam | ChoiceParam


class LabFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that is put into boxes when they are created. The learner's params replace each ``{{ name }}``."""

    path: Annotated[str, msgspec.Meta(pattern=r"^/[^\0]+$", description="an absolute path")]
    content: str
    boxes: tuple[Name, ...] = ()
    """If empty, the file is put into every box."""
    mode: Mode = "0644"
    owner: Annotated[str, msgspec.Meta(pattern=r"^[0-9]+:[0-9]+$", description="uid:gid as numbers")] = "0:0"


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing the learner must do. The first hint helps a little, and the last hint gives nearly the whole answer. If
    ``partial`` is true, each passed check gives its share of the points. Otherwise a learner gets the points only if
    all checks pass."""

    id: Name
    title: Text
    points: Annotated[int, msgspec.Meta(ge=1, le=100)]
    hints: Annotated[tuple[Text, ...], msgspec.Meta(min_length=3, max_length=3)]
    partial: bool = False


Count = Annotated[int, msgspec.Meta(ge=0)]


class AtRest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The resources of one idle instance with the reference solution, all its boxes together. ``cpu`` is in cores,
    ``disk`` counts written data, ``processes`` includes threads. ``inotify`` counts instances, ``files`` open files,
    ``aio`` the requests that databases reserve (aio(7))."""

    memory: Size
    cpu: Annotated[float, msgspec.Meta(ge=0)]
    disk: Size
    processes: Count
    inotify: Count
    files: Count
    aio: Count = 0


class Lab(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exercise."""

    name: Name
    title: Text
    summary: Text
    image: Name
    boxes: Annotated[dict[Name, Box], msgspec.Meta(min_length=1, max_length=16)]
    tasks: Annotated[tuple[Task, ...], msgspec.Meta(min_length=1)]
    networks: dict[Name, Network] = {}
    params: dict[ParamName, Param] = {}
    files: tuple[LabFile, ...] = ()
    topics: tuple[str, ...] = ()
    level: Literal["beginner", "intermediate", "advanced"] = "beginner"
    minutes: Annotated[int, msgspec.Meta(ge=1, le=600)] = 60
    footprint: AtRest | None = None
    languages: Annotated[tuple[Language, ...], msgspec.Meta(min_length=1)] = LANGUAGES

    @property
    def points(self) -> int:
        """The points of all tasks together."""
        return sum(task.points for task in self.tasks)

    def task(self, task_id: str) -> Task | None:
        """Return the task with that id, or None."""
        return next((task for task in self.tasks if task.id == task_id), None)

    def image_of(self, box: str) -> str:
        """Return the image that a box starts from: its own or the lab's."""
        return self.boxes[box].image or self.image

    def address_of(self, box: str) -> str:
        """Return the box's address on its first network, or an empty text if it has no network."""
        return next(iter(self.boxes[box].networks.values()), "")


def builtin_params(lab: Lab) -> frozenset[str]:
    """Return the names that every template may use besides the lab's params: learner, lab and each box's address."""
    addresses = {f"{box.replace('-', '_')}_address" for box in lab.boxes}
    return frozenset({"learner", "lab"} | addresses)


class LabFault(msgspec.Struct, frozen=True):
    """A fault of a ``lab.yml``, with the path in the file and a description."""

    path: str
    what: str


def faults(lab: Lab) -> list[LabFault]:
    """Return all faults that types can't express: names that don't exist, addresses outside their network, repeated
    names."""
    return [
        *_language_faults(lab),
        *_network_faults(lab),
        *_gateway_faults(lab),
        *_ready_faults(lab),
        *_param_faults(lab),
        *_file_faults(lab),
        *_task_faults(lab),
    ]


def _language_faults(lab: Lab) -> Iterator[LabFault]:
    if len(set(lab.languages)) < len(lab.languages):
        yield LabFault("languages", "a language appears twice")
    for where, text in (("title", lab.title), ("summary", lab.summary)):
        yield from _missing(lab, where, text)


def _missing(lab: Lab, where: str, text: Text) -> Iterator[LabFault]:
    """Yield a fault for each language of the lab in which the text is empty."""
    for language in lab.languages:
        if not getattr(text, language).strip():
            yield LabFault(f"{where}.{language}", f"is empty; write it, or leave {language} out of languages")


def _network_faults(lab: Lab) -> Iterator[LabFault]:
    subnets: dict[str, ipaddress.IPv4Network] = {}
    for name, network in lab.networks.items():
        path = f"networks.{name}.subnet"
        try:
            subnet = ipaddress.IPv4Network(network.subnet)
        except ValueError as error:
            yield LabFault(path, f"{error}; write it as 10.10.10.0/24")
            continue
        for other, known in subnets.items():
            if known.overlaps(subnet):
                yield LabFault(path, f"{subnet} overlaps with {other} ({known})")
        subnets[name] = subnet
    taken: dict[str, str] = {}
    for box_name, box in lab.boxes.items():
        for net, address in box.networks.items():
            path = f"boxes.{box_name}.networks.{net}"
            if net not in lab.networks:
                yield LabFault(path, f"there is no network {net}; there are: {', '.join(lab.networks) or 'none'}")
                continue
            if net not in subnets:
                continue
            try:
                inside = _is_host(ipaddress.IPv4Address(address), subnets[net])
            except ValueError as error:
                yield LabFault(path, str(error))
                continue
            if not inside:
                yield LabFault(path, f"{address} is not an address of {net} ({subnets[net]})")
            if address in taken:
                yield LabFault(path, f"{address} already belongs to {taken[address]}")
            taken[address] = box_name


def _gateway_faults(lab: Lab) -> Iterator[LabFault]:
    for name, box in lab.boxes.items():
        if box.gateway is not None and gateway_network(lab, box) is None:
            near = ", ".join(lab.networks[net].subnet for net in box.networks if net in lab.networks) or "none"
            yield LabFault(f"boxes.{name}.gateway", f"{box.gateway} is not on a network of the box: {near}")


def _ready_faults(lab: Lab) -> Iterator[LabFault]:
    known = frozenset(lab.params) | builtin_params(lab)
    for name, box in lab.boxes.items():
        if box.ready is None:
            continue
        path, given = f"boxes.{name}.ready", {"path": box.ready.path, "command": box.ready.command}
        if sum(value is not None for value in (box.ready.port, *given.values())) != 1:
            yield LabFault(path, "needs port, path or command, and only one of them")
        if isinstance(box.ready.port, str):
            given["port"] = box.ready.port
            yield from _port_faults(lab, box.ready.port, f"{path}.port")
        if box.ready.path is not None and (not box.ready.path.startswith("/") or "\0" in box.ready.path):
            yield LabFault(f"{path}.path", f"must be an absolute path, not {box.ready.path}")
        for field, text in given.items():
            if text is not None and not text.strip():
                yield LabFault(f"{path}.{field}", "is empty")
            for unknown in sorted(placeholders(text or "") - known):
                what = f"there is no param {unknown}; there are: {', '.join(sorted(known))}"
                yield LabFault(f"{path}.{field}", what)


def _port_faults(lab: Lab, port: str, path: str) -> Iterator[LabFault]:
    """Yield a fault for a text that is neither a port nor a param with a port. An unknown param has its own fault."""
    names = placeholders(port)
    if len(names) == 1 and re.fullmatch(r"\{\{[^{}]*\}\}", port.strip()):
        (name,) = names
        param = lab.params.get(name)
        if isinstance(param, PortParam) or (isinstance(param, IntParam) and 1 <= param.first <= param.last <= 65535):
            return
        if param is not None:
            yield LabFault(path, f"the param {name} is not a port")
        elif name in builtin_params(lab):
            yield LabFault(path, f"{name} is not a port")
    elif not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535) and port.strip():
        yield LabFault(path, f"{port} is not a port; write a number, or a param such as {{{{ web_port }}}}")


def gateway_network(lab: Lab, box: Box) -> str | None:
    """Return the box's network that contains the gateway's address, or None."""
    for name in box.networks:
        with contextlib.suppress(ValueError, KeyError):
            subnet = ipaddress.IPv4Network(lab.networks[name].subnet)
            if box.gateway is not None and _is_host(ipaddress.IPv4Address(box.gateway), subnet):
                return name
    return None


def _is_host(address: ipaddress.IPv4Address, subnet: ipaddress.IPv4Network) -> bool:
    """Return whether a machine may have the address. The network's own address and the broadcast address are excluded.
    A /31 has no such addresses."""
    own = (subnet.network_address, subnet.broadcast_address) if subnet.prefixlen < 31 else ()
    return address in subnet and address not in own


def _param_faults(lab: Lab) -> Iterator[LabFault]:
    ports: list[PortParam] = []
    for name, param in lab.params.items():
        if isinstance(param, PortParam | IntParam) and param.first > param.last:
            yield LabFault(f"params.{name}", f"first ({param.first}) is more than last ({param.last})")
        elif isinstance(param, PortParam):
            # Ports are assigned one after the other, and all earlier ports may be in this range.
            before = sum(other.first <= param.last and param.first <= other.last for other in ports)
            if before > param.last - param.first:
                what = f"{param.first} to {param.last} is too narrow: {before} earlier ports may use all of it"
                yield LabFault(f"params.{name}", what)
            ports.append(param)
        if name in builtin_params(lab):
            yield LabFault(f"params.{name}", "this name is reserved by labctl")


def _file_faults(lab: Lab) -> Iterator[LabFault]:
    known = frozenset(lab.params) | builtin_params(lab)
    for index, file in enumerate(lab.files):
        for box in file.boxes:
            if box not in lab.boxes:
                yield LabFault(f"files[{index}].boxes", f"there is no box {box}; there are: {', '.join(lab.boxes)}")
        if ".." in file.path.split("/"):
            yield LabFault(f"files[{index}].path", "a path may not contain ..")
        for name in sorted(placeholders(file.content) - known):
            yield LabFault(
                f"files[{index}].content", f"there is no param {name}; there are: {', '.join(sorted(known))}"
            )


def _task_faults(lab: Lab) -> Iterator[LabFault]:
    known = frozenset(lab.params) | builtin_params(lab)
    seen: set[str] = set()
    for index, task in enumerate(lab.tasks):
        if task.id in seen:
            yield LabFault(f"tasks[{index}].id", f"{task.id} appears twice")
        seen.add(task.id)
        texts = {"title": task.title} | {f"hints[{n}]": hint for n, hint in enumerate(task.hints)}
        for where, text in texts.items():
            yield from _missing(lab, f"tasks[{index}].{where}", text)
            for language in lab.languages:
                for name in sorted(placeholders(text.in_(language)) - known):
                    yield LabFault(f"tasks[{index}].{where}.{language}", f"there is no param {name}")


_MSGSPEC_AT = re.compile(r"^(?P<what>.*) - at (?:`key` in )?`(?P<path>\$[^`]*)`$", re.DOTALL)


def fault_of(error: msgspec.ValidationError) -> LabFault:
    """Return a decoder's message as a fault, with the path in the form that an author writes."""
    match = _MSGSPEC_AT.match(str(error))
    if match is None:
        return LabFault("", str(error))
    return LabFault(match["path"].removeprefix("$").removeprefix("."), match["what"])
