"""How much images take unpacked: each layer once, however many images share it."""

# No postponed annotations here: see labctl.domain.lab.model.

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

# Instructions of a Dockerfile that make no layer, as a history tells them: the classic builder writes "#(nop)" before
# them, buildx doesn't. WORKDIR, ADD and COPY do make one.
_EMPTY = re.compile(
    r"(?:/bin/sh -c #\(nop\) +)?"
    r"(?:LABEL|ENV|CMD|ENTRYPOINT|EXPOSE|STOPSIGNAL|USER|VOLUME|ARG|HEALTHCHECK|SHELL|ONBUILD|MAINTAINER)\b"
)


class Layer(msgspec.Struct, frozen=True):
    """``chain`` is one for the same layer on the same layers below it (the OCI image specification's ChainID): that is
    what an engine keeps once. ``size`` in bytes."""

    chain: str
    size: int


class Unpacked(msgspec.Struct, frozen=True):
    """Bytes. ``alone``: for each tag, the layers that no other image of labctl's has. ``labs``: all that the boxes of
    the catalog's labs start from; ``system``: that with keeper and toolbox; ``all``: every image of labctl's.
    ``missing``: labs that are not in it, since not all of their images are built."""

    alone: dict[str, int]
    labs: int
    system: int
    all: int
    missing: tuple[str, ...] = ()


def layers(diff_ids: Sequence[str], history: Sequence[tuple[str, int]]) -> tuple[Layer, ...]:
    """An image's layers, the lowest first. ``history``: what made each step (lowest first), and how many bytes it
    added; steps that only set something are among them and are no layer.

    The engine doesn't say which steps those are, but they add nothing. So of the steps without bytes as many are left
    out as there are too many: first those that can't make a layer, then the highest.

    The bytes are those of the files' contents. On a disk with blocks of 4 kiB they take about 7 % more (measured).
    """
    too_many = len(history) - len(diff_ids)
    empty = [index for index, (_, size) in enumerate(history) if not size]
    empty.sort(key=lambda index: (_EMPTY.match(history[index][0]) is None, -index))
    left_out = set(empty[: max(0, too_many)])
    sizes = [size for index, (_, size) in enumerate(history) if index not in left_out]
    # A history may be shorter than the layers (an image that was imported, or squashed).
    sizes += [0] * (len(diff_ids) - len(sizes))
    chain, found = "", []
    for diff_id, size in zip(diff_ids, sizes, strict=False):
        chain = f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
        found.append(Layer(chain, size))
    return tuple(found)


def total(images: Iterable[Sequence[Layer]]) -> int:
    """Bytes of all of them, each layer once."""
    return sum({layer.chain: layer.size for image in images for layer in image}.values())


def alone(images: Mapping[str, Sequence[Layer]]) -> dict[str, int]:
    """For each image (by its id) the bytes of the layers that no other has."""
    holders = Counter(layer.chain for image in images.values() for layer in image)
    return {name: sum(layer.size for layer in image if holders[layer.chain] == 1) for name, image in images.items()}
