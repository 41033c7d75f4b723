"""Calculates the unpacked size of images. A layer counts once, even if several images share it."""

# This module has no postponed annotations: see labctl.domain.lab.model.

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

# Instructions of a Dockerfile that make no layer, in the form of an image's history. The classic builder writes
# "#(nop)" before them, buildx doesn't. WORKDIR, ADD and COPY make a layer.
_EMPTY = re.compile(
    r"(?:/bin/sh -c #\(nop\) +)?"
    r"(?:LABEL|ENV|CMD|ENTRYPOINT|EXPOSE|STOPSIGNAL|USER|VOLUME|ARG|HEALTHCHECK|SHELL|ONBUILD|MAINTAINER)\b"
)


class Layer(msgspec.Struct, frozen=True):
    """A layer. ``chain`` is the ChainID of the OCI image specification. The same layer on the same lower layers has the
    same ChainID, and an engine stores it once. ``size`` is in bytes."""

    chain: str
    size: int


class Unpacked(msgspec.Struct, frozen=True):
    """Sizes in bytes. ``alone``: for each tag, the layers that no other image of labctl has. ``labs``: all images of
    the catalog's labs. ``system``: the same images, with keeper and toolbox. ``all``: every image of labctl.
    ``missing``: labs that are not counted, because some of their images are not built."""

    alone: dict[str, int]
    labs: int
    system: int
    all: int
    missing: tuple[str, ...] = ()


def layers(diff_ids: Sequence[str], history: Sequence[tuple[str, int]]) -> tuple[Layer, ...]:
    """Return an image's layers, the lowest first. ``history`` has the instruction of each step (the lowest first) and
    the bytes that the step added. It also contains steps that only change settings and make no layer.

    The engine doesn't say which steps make no layer, but these steps add no bytes. So this function removes steps
    without bytes until there are as many steps as layers. It begins with steps that can't make a layer, and continues
    with the highest steps.

    The bytes are the sizes of the files' contents. On a disk with blocks of 4 kiB they need about 7 % more (measured).
    """
    too_many = len(history) - len(diff_ids)
    empty = [index for index, (_, size) in enumerate(history) if not size]
    empty.sort(key=lambda index: (_EMPTY.match(history[index][0]) is None, -index))
    left_out = set(empty[: max(0, too_many)])
    sizes = [size for index, (_, size) in enumerate(history) if index not in left_out]
    # An imported or squashed image may have fewer steps than layers.
    sizes += [0] * (len(diff_ids) - len(sizes))
    chain, found = "", []
    for diff_id, size in zip(diff_ids, sizes, strict=False):
        chain = f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
        found.append(Layer(chain, size))
    return tuple(found)


def total(images: Iterable[Sequence[Layer]]) -> int:
    """Return the bytes of all images together, each layer once."""
    return sum({layer.chain: layer.size for image in images for layer in image}.values())


def alone(images: Mapping[str, Sequence[Layer]]) -> dict[str, int]:
    """Return, for each image (by its id), the bytes of the layers that no other image has."""
    holders = Counter(layer.chain for image in images.values() for layer in image)
    return {name: sum(layer.size for layer in image if holders[layer.chain] == 1) for name, image in images.items()}
