"""What is shown of labctl's images."""

from __future__ import annotations

import msgspec

from labctl.domain.imagery import ImageInfo
from labctl.domain.layers import Unpacked


class ImageList(msgspec.Struct, frozen=True):
    """labctl's images on the engine, and how many bytes of its disk they take unpacked."""

    images: tuple[ImageInfo, ...]
    unpacked: Unpacked


class ImagesBuilt(msgspec.Struct, frozen=True):
    """The labs whose images are on the engine now, and the seconds of wall time that it took."""

    labs: tuple[str, ...]
    seconds: float


class ImagesSaved(msgspec.Struct, frozen=True):
    """The file that images were written to, and its size in bytes."""

    file: str
    size: int
