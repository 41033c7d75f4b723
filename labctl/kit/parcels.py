"""Inputs for a program, as one parcel: a compressed tar that the toolbox unpacks on the copy."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
from collections.abc import Mapping

from labctl.kit.trees import HERE, Tree, TreeEntry


def packed(places: Mapping[str, Tree], files: Mapping[str, tuple[bytes, int]]) -> str:
    """Return a compressed tar of trees by their folder, and of files with their mode, as base64."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as tar:
        for place, found in places.items():
            everything = {b"": TreeEntry("folder", b"", 0o755), **found}
            # Hard links come last, because their targets must exist.
            for path, entry in sorted(everything.items(), key=lambda item: (item[1].kind == "hard", item[0])):
                _add(tar, place, path, entry)
        for name, (data, mode) in files.items():
            item = tarfile.TarInfo(name.lstrip("/"))
            item.size, item.mode, item.mtime = len(data), mode, 1_700_000_000
            if name.endswith("/"):
                item.type = tarfile.DIRTYPE
            tar.addfile(item, io.BytesIO(data))
    return base64.b64encode(gzip.compress(raw.getvalue(), 1)).decode()


def _add(tar: tarfile.TarFile, place: str, path: bytes, entry: TreeEntry) -> None:
    if entry.kind == "socket":
        return
    item = tarfile.TarInfo((place.lstrip("/").encode() + b"/" + path).rstrip(b"/").decode("latin-1"))
    item.mode, item.uid, item.gid, item.mtime = entry.mode, entry.uid, entry.gid, entry.mtime
    item.type = {
        "folder": tarfile.DIRTYPE,
        "link": tarfile.SYMTYPE,
        "hard": tarfile.LNKTYPE,
        "fifo": tarfile.FIFOTYPE,
    }.get(entry.kind, tarfile.REGTYPE)
    target = entry.target.replace(HERE.encode(), place.encode())
    if entry.kind == "hard":
        target = place.lstrip("/").encode() + b"/" + target
    item.linkname = target.decode("latin-1")
    data = (entry.data or b"").replace(HERE.encode(), place.encode()) if entry.kind == "file" else b""
    item.size = len(data)
    tar.addfile(item, io.BytesIO(data))
