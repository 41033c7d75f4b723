"""Read the sources of images, ``images/<image>/`` and ``playbooks/<lab>/``, for ``domain.imagery``."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from labctl.adapters.catalog import FileCatalog, unreadable
from labctl.domain import imagery
from labctl.domain.imagery import ImageSource, SourceFile
from labctl.domain.lab import recipe
from labctl.domain.lab.model import Lab
from labctl.domain.lab.recipe import ImageRecipe
from labctl.errors import InvalidLabError

_PACKAGE = Path(__file__).parent.parent.parent

# Files that an image takes from outside its own folder. The keeper's code is part of labctl.
_EXTRA: dict[str, dict[str, str]] = {
    "keeper": {
        "keeper/**/*.py": "src/labctl/",
        "node/**/*.py": "src/labctl/",
        "probe/**/*.py": "src/labctl/",
        "domain/__init__.py": "src/labctl/",
        "domain/api_version.py": "src/labctl/",
        "domain/toolbox.py": "src/labctl/",
        "domain/wiring.py": "src/labctl/",
    }
}
_EXTRA_PACKAGES = {"keeper": SourceFile("src/labctl/__init__.py", b'"""The part of labctl that the keeper needs."""\n')}

# Files of editors, Python and file managers that are not part of a source.
_LITTER = ("__pycache__", ".DS_Store", ".git")
_LITTER_ENDINGS = (".pyc", "~", ".swp")

# The time stamp of every file in a context. It is fixed, so that nothing depends on the time of the checkout.
_MTIME = 1735689600


class Sources:
    """Reads a catalog's images and setups. Each image is read only once."""

    def __init__(self, catalog: FileCatalog) -> None:
        self._catalog = catalog
        self._images: dict[str, ImageSource] = {}

    def image(self, name: str) -> ImageSource:
        """Return an image's source. Raises InvalidLabError if the image does not exist or a file can't be read."""
        if name not in self._images:
            folder = self._catalog.image_dir(name)
            found = self._catalog.recipe(name)
            if found is None:
                files = [*read_files(folder), *_extra_files(name)]
                self._images[name] = ImageSource(name, tuple(files), str(folder / "Dockerfile"))
            else:
                self._images[name] = from_recipe(name, found, folder)
        return self._images[name]

    def images(self, names: Iterable[str]) -> dict[str, ImageSource]:
        """Return the sources of these images and of all images that they depend on. Missing images are left out, and
        ``imagery.build_order`` reports them."""
        found: dict[str, ImageSource] = {}
        todo = list(names)
        known = set(self._catalog.images())
        while todo:
            name = todo.pop()
            if name not in found:
                found[name] = self.image(name)
                todo += [parent for parent in imagery.needs(found[name]) if parent in known]
        return found

    def for_lab(self, lab: Lab) -> dict[str, ImageSource]:
        """Return the sources of the images of a lab's boxes, and of all images that these depend on. Raises
        InvalidLabError for an image that does not exist."""
        known = self._catalog.images()
        for box in lab.boxes:
            image = lab.image_of(box)
            if image not in known:
                path = f"boxes.{box}.image" if lab.boxes[box].image else "image"
                raise InvalidLabError(
                    "{file}: {path}: there is no image {image}; there are: {images}",
                    file=str(self._catalog.lab_dir(lab.name) / "lab.yml"),
                    path=path,
                    image=image,
                    images=", ".join(known),
                )
        return self.images(lab.image_of(box) for box in lab.boxes)

    def setup(self, lab: Lab) -> tuple[SourceFile, ...]:
        """Return the files of a lab's setup play and of its roles. Return an empty tuple if the lab has no setup."""
        files = imagery.setup_files(read_files(self._catalog.plays_dir(lab.name)))
        if not any(item.path == imagery.SETUP for item in files):
            return ()
        roles: dict[str, list[SourceFile]] = {}
        for folder in self._catalog.roles_dirs(lab.name):
            for role in sorted(folder.iterdir()):
                if role.is_dir() and role.name not in roles:
                    roles[role.name] = list(read_files(role))
        used = imagery.roles_used(files, roles)
        in_roles = (
            msgspec.structs.replace(item, path=f"roles/{role}/{item.path}") for role in used for item in roles[role]
        )
        return (*files, *in_roles)


def from_recipe(name: str, found: ImageRecipe, folder: Path) -> ImageSource:
    """Return the source of an image with an ``image.yml``: the Dockerfile that labctl makes, and the files below
    ``files/``. Raises InvalidLabError if a file can't be read."""
    below = [
        msgspec.structs.replace(item, path=f"{recipe.FILES}/{item.path}") for item in read_files(folder / recipe.FILES)
    ]
    dockerfile = SourceFile("Dockerfile", recipe.dockerfile(found, files=bool(below)).encode())
    return ImageSource(name, (dockerfile, *below), str(folder / recipe.FILE))


def read_files(folder: Path) -> Iterator[SourceFile]:
    """Yield all files below a folder, sorted by path, or nothing if there is no folder. Raises InvalidLabError if a
    file can't be read."""
    for path, directories, names in os.walk(folder, followlinks=False):
        links = [name for name in directories if (Path(path) / name).is_symlink()]
        directories[:] = sorted(name for name in directories if name not in _LITTER and name not in links)
        for name in sorted([*names, *links]):
            if name in _LITTER or name.endswith(_LITTER_ENDINGS):
                continue
            file = Path(path) / name
            yield _read(file, str(file.relative_to(folder)))


def _read(file: Path, path: str) -> SourceFile:
    try:
        if file.is_symlink():
            return SourceFile(path, os.fsencode(file.readlink()), link=True)
        return SourceFile(path, file.read_bytes(), executable=bool(file.stat().st_mode & 0o100))
    except OSError as error:
        raise unreadable(file, error) from error


def _extra_files(image: str) -> Iterator[SourceFile]:
    if image in _EXTRA_PACKAGES:
        yield _EXTRA_PACKAGES[image]
    for pattern, below in _EXTRA.get(image, {}).items():
        for file in sorted(_PACKAGE.glob(pattern)):
            yield _read(file, below + str(file.relative_to(_PACKAGE)))


def context(files: Iterable[SourceFile], dockerfile: str) -> bytes:
    """Return a build context as a tar archive, with ``dockerfile`` as its Dockerfile. The same files give the same
    bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        folders: set[str] = set()
        for item in sorted(files, key=lambda file: file.path):
            for parent in reversed(Path(item.path).parents[:-1]):
                if str(parent) not in folders:
                    folders.add(str(parent))
                    tar.addfile(_entry(str(parent), tarfile.DIRTYPE, 0o755))
            content = dockerfile.encode() if item.path == "Dockerfile" else item.content
            if item.link:
                info = _entry(item.path, tarfile.SYMTYPE, 0o777)
                info.linkname = os.fsdecode(item.content)
                tar.addfile(info)
            else:
                info = _entry(item.path, tarfile.REGTYPE, item.mode)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _entry(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.mtime = kind, mode, _MTIME
    return info
