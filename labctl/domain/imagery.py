"""The tags of images. A tag is a hash of everything in the image, so labctl never rebuilds an image without need.

The chain: the base's id → ``labctl/<image>:<hash>`` for each ``images/<image>/`` → ``labctl/<lab>-<box>:<hash>`` with
the lab's setup play baked in. Mirrors change the source of packages, not the packages' content, so mirrors are not in
the hash.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.naming import REPOSITORY
from labctl.errors import InvalidLabError

DEFAULT_BASE = "debian:bookworm-slim"
"""The name of the base in Dockerfiles. The setting ``image.base`` may replace the base, but not this name."""

SYSTEM_IMAGES = ("keeper", "toolbox")
"""Images that labctl itself needs for every lab."""

LABEL_IMAGE = "labctl.image"
ROLE_IMAGE = "image"

BASE = "base"
SETUP = "setup.yml"
_FORMAT = "1"  # part of every hash: a new value rebuilds all images
_BAKE_FORMAT = "bake 2"  # part of the hashes of labs' images: change it when the result of a bake changes
_IDENTITIES = f"{REPOSITORY}/{BASE}-id"
_OWN_TAG = re.compile(rf"{REPOSITORY}/[a-z0-9-]+:[0-9a-f]{{16}}|{REPOSITORY}/{BASE}:[a-z0-9.-]+")
_NOT_SETUP = re.compile(r"(solve(-[^/]*)?\.yml|mutants\.yml|mutants/.*)")

_FROM = re.compile(r"[ \t]*FROM\s+(?:--platform=\S+\s+)?(?P<ref>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*", re.IGNORECASE)
_COPY_FROM = re.compile(r"[ \t]*COPY\s.*?--from=(?P<ref>\S+).*", re.IGNORECASE | re.DOTALL)


class SourceFile(msgspec.Struct, frozen=True):
    """A file of an image's context. Only the permission ``executable`` counts, as in Git, because the other permissions
    differ between checkouts. The content of a symbolic ``link`` is its target."""

    path: str
    content: bytes
    executable: bool = False
    link: bool = False

    @property
    def mode(self) -> int:
        """The permissions of the file in the context."""
        return 0o755 if self.executable else 0o644


class ImageInfo(msgspec.Struct, frozen=True):
    """An image of labctl on the engine. ``size`` is in bytes, including shared layers. ``created`` is in seconds since
    1970. ``used``: boxes use the image. ``current``: a lab of the catalog needs the image."""

    tag: str
    kind: str
    id: str
    size: int
    created: float
    used: bool
    current: bool


class ImageSource(msgspec.Struct, frozen=True):
    """The folder ``images/<name>/``; the Dockerfile is one of its files. ``file`` is the Dockerfile's name in
    messages."""

    name: str
    files: tuple[SourceFile, ...]
    file: str = ""

    @property
    def dockerfile(self) -> str:
        """The Dockerfile's text. Raises InvalidLabError if there is no Dockerfile."""
        for item in self.files:
            if item.path == "Dockerfile":
                return item.content.decode("utf-8", "replace")
        raise InvalidLabError("there is no {file}", file=self.file or f"images/{self.name}/Dockerfile", path="")


def references(dockerfile: str) -> tuple[str, ...]:
    """Return the images that a Dockerfile starts from or copies from, each once, without its own stages."""
    return tuple(dict.fromkeys(match["ref"] for _, match, external in _lines(dockerfile) if match and external))


def _lines(dockerfile: str) -> Iterator[tuple[str, re.Match[str] | None, bool]]:
    """Yield each line with its match, and whether the line names an image. Only FROM and COPY --from have a match. A
    stage of the same Dockerfile is not an image. A line that continues another instruction has no match."""
    stages = {"scratch"}
    goes_on = False
    for line in dockerfile.splitlines(keepends=True):
        comment = line.lstrip().startswith("#")
        match = None if goes_on or comment else _FROM.fullmatch(line) or _COPY_FROM.fullmatch(line)
        if match is None:
            yield line, None, False
        else:
            yield line, match, match["ref"].lower() not in stages and not match["ref"].isdigit()
            stages |= {(match.groupdict().get("stage") or "scratch").lower()}
        if not comment:
            goes_on = line.rstrip().endswith("\\")


def base_tag(reference: str, mirror: str = "") -> str:
    """Return labctl's own tag for the base. This tag stays when the original tag moves to a newer image, and ``images
    save`` includes this tag. With ``mirror``, it is the tag of the base with packages from that mirror."""
    words = re.sub(r"[^a-z0-9.]+", "-", reference.lower()).strip("-.")[:60]
    via = f"-via-{hashlib.sha256(mirror.encode()).hexdigest()[:8]}" if mirror else ""
    return f"{REPOSITORY}/{BASE}:{words}{via}"


def identity_tag(identity: str) -> str:
    """Return the tag that identifies a base on engines that give it different ids. With the containerd image store an
    id is the manifest's digest, otherwise it is the configuration's digest. ``images save`` includes this tag."""
    return f"{_IDENTITIES}:{identity.removeprefix('sha256:')}"


def is_identity_tag(tag: str) -> bool:
    """Return whether the tag has the form that ``identity_tag`` gives."""
    return tag.startswith(f"{_IDENTITIES}:")


def identity_of(image: str, there: Mapping[str, str]) -> str:
    """Return the id that represents a base in hashes. This is the base's id on the engine that it came from, or its id
    on this engine. ``there`` maps an engine's tags to ids."""
    tags = sorted(tag for tag, id_ in there.items() if id_ == image and is_identity_tag(tag))
    return f"sha256:{tags[0].rpartition(':')[2]}" if tags else image


def is_own_tag(tag: str) -> bool:
    """Return whether the tag has the form of labctl's own tags."""
    return _OWN_TAG.fullmatch(tag) is not None


def suite_of(reference: str) -> str:
    """Return the Debian release of a base: ``bookworm`` for ``debian:bookworm-slim``. Other names give an empty
    text."""
    match = re.fullmatch(r"(?:.*/)?debian:([a-z]+)(?:-slim)?", reference)
    return match[1] if match else ""


def parent_image(ref: str) -> str | None:
    """Return the catalog's image that the reference names (``box`` for ``labctl/box``), or None."""
    name = ref.removeprefix(f"{REPOSITORY}/")
    return name if name != ref and ":" not in name and "/" not in name else None


def resolved(dockerfile: str, tags: Mapping[str, str], base: str, labels: Mapping[str, str]) -> str:
    """Return the Dockerfile for the engine. The base and the catalog's images are replaced by their tags. ``labels``
    are added in the first layer of each stage, so that labctl recognises the leftovers of a killed build."""
    words = " ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    text = ""
    for line, match, external in _lines(dockerfile):
        if match is None:
            text += line
            continue
        ref = match["ref"]
        if external:
            image = parent_image(ref)
            ref = base if ref == DEFAULT_BASE else tags[image] if image else ref
        text += line[: match.start("ref")] + ref + line[match.end("ref") :]
        if words and match.re is _FROM:
            text = text.rstrip("\n") + f"\nLABEL {words}\n"
    return text


def image_tags(sources: Mapping[str, ImageSource], base_id: str) -> dict[str, str]:
    """Return the tag of each image. ``base_id`` is the result of ``identity_of``. Raises InvalidLabError if an image is
    missing, or if images depend on each other in a circle."""
    tags: dict[str, str] = {}
    for name in build_order(sources):
        source = sources[name]
        parents = [tags[image] for ref in references(source.dockerfile) if (image := parent_image(ref))]
        uses_base = DEFAULT_BASE in references(source.dockerfile)
        tags[name] = _tag(name, ["image", base_id if uses_base else "", *parents, *_fields(source.files)])
    return tags


def needs(source: ImageSource) -> tuple[str, ...]:
    """Return the catalog's images that this image starts or copies from."""
    return tuple(image for ref in references(source.dockerfile) if (image := parent_image(ref)))


def build_order(sources: Mapping[str, ImageSource]) -> list[str]:
    """Return the images in an order in which each image follows the images that it needs. Raises InvalidLabError as
    ``image_tags`` does."""
    graph: dict[str, tuple[str, ...]] = {}
    for name, source in sources.items():
        graph[name] = needs(source)
        for parent in graph[name]:
            if parent not in sources:
                raise InvalidLabError(
                    "{file}: FROM {ref}: there is no image {image}",
                    file=source.file or f"images/{name}/Dockerfile",
                    path="FROM",
                    ref=f"{REPOSITORY}/{parent}",
                    image=parent,
                )
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        first = sources[error.args[1][0]]
        file = first.file or f"images/{first.name}/Dockerfile"
        raise InvalidLabError(
            "{file}: circular dependency between images: {circle}", file=file, path="FROM", circle=circle
        ) from error


def setup_files(files: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """Return the files of ``playbooks/<lab>/`` that the setup may use: all except solutions and mutants."""
    return tuple(item for item in files if not _NOT_SETUP.fullmatch(item.path))


def roles_used(plays: Iterable[SourceFile], roles: Mapping[str, Iterable[SourceFile]]) -> tuple[str, ...]:
    """Return the roles whose names occur as words in the plays or in other used roles. The result is sorted.

    The result may contain a role that is not used, which costs a rebuild. A used role is missing only if its name is
    composed at run time. This search avoids a YAML parser, because each ``up`` would have to import it.
    """
    found: set[str] = set()
    todo = list(plays)
    while todo:
        text = todo.pop().content.decode("utf-8", "replace")
        new = {
            role for role in roles if role not in found and re.search(rf"(?<![\w-]){re.escape(role)}(?![\w-])", text)
        }
        found |= new
        todo += [item for role in new for item in roles[role]]
    return tuple(sorted(found))


def bake_tags(lab: Lab, tags: Mapping[str, str], setup: Iterable[SourceFile]) -> dict[str, str]:
    """Return the tag of each box's image. ``tags`` are the tags of the images, ``setup`` the files of the setup and its
    roles.

    The setup runs in all boxes at once, and boxes can talk to each other. Therefore each tag depends on all boxes.
    """
    fields = [
        _BAKE_FORMAT,
        lab.name,
        *(f"{box}\0{tags[lab.image_of(box)]}" for box in sorted(lab.boxes)),
        msgspec.json.encode({box: lab.boxes[box].networks for box in sorted(lab.boxes)}, order="deterministic"),
        msgspec.json.encode(lab.networks, order="deterministic"),
        *_fields(setup),
    ]
    return {box: _tag(f"{lab.name}-{box}", [*fields, box]) for box in lab.boxes}


def _fields(files: Iterable[SourceFile]) -> Iterator[str | bytes]:
    for item in sorted(files, key=lambda file: file.path):
        yield item.path
        yield "link" if item.link else f"{item.mode:o}"
        yield item.content


def _tag(name: str, fields: Iterable[str | bytes]) -> str:
    """Return the tag, that is, the name and 16 hex digits of a hash over the fields. Each field is hashed with its
    length, so that no two lists of fields give the same bytes."""
    digest = hashlib.sha256()
    for field in (_FORMAT, *fields):
        data = field.encode("utf-8", "surrogateescape") if isinstance(field, str) else field
        digest.update(len(data).to_bytes(8) + data)
    return f"{REPOSITORY}/{name}:{digest.hexdigest()[:16]}"
