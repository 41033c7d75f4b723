"""Views of labctl's images."""

from __future__ import annotations

import msgspec

from labctl.domain.imagery import ImageInfo
from labctl.domain.layers import Unpacked


class ImageList(msgspec.Struct, frozen=True):
    """labctl's images on the engine, and the size in bytes of the unpacked images on its disk."""

    images: tuple[ImageInfo, ...]
    unpacked: Unpacked


class ImagesBuilt(msgspec.Struct, frozen=True):
    """The labs whose images are now on the engine, and the duration of the build in seconds."""

    labs: tuple[str, ...]
    seconds: float


class ImagesSaved(msgspec.Struct, frozen=True):
    """The file that images were written to, and its size in bytes."""

    file: str
    size: int
