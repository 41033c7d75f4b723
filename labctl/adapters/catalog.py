"""The catalog on disk: labs, playbooks, images and checks, from one or several folders.

A catalog root is a folder with ``labs/`` (and ``playbooks/``, ``images/``, ``checks/``). The given ones come first,
then labctl's own: the checkout's where labctl runs from one, else the copy in the wheel. The first that has a thing
wins.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec

from labctl.adapters.paths import cache_dir
from labctl.domain import text
from labctl.domain.lab import model
from labctl.domain.lab.model import Lab
from labctl.domain.proof.rules import Mutant
from labctl.errors import InvalidLabError, UsageError
from labctl.hints import Hint
from labctl.whole_file import write_whole

_PACKAGE = Path(__file__).parent.parent


def own_root() -> Path:
    """labctl's own catalog: the checkout's, else the wheel's."""
    checkout = _PACKAGE.parent
    return checkout if (checkout / "labs").is_dir() else _PACKAGE / "_catalog"


class FileCatalog:
    """Implements :class:`labctl.ports.Catalog`. Raises UsageError where a given folder isn't a catalog."""

    def __init__(self, dirs: Iterable[str | Path] = (), cache: Path | None = None) -> None:
        self._cache = (cache_dir() if cache is None else cache) / "labs"
        self._labs: dict[str, Lab] = {}
        given = [Path(item).expanduser().absolute() for item in dirs]
        for folder in given:
            if not (folder / "labs").is_dir():
                raise UsageError(
                    "{folder} is not a catalog: it has no folder labs/",
                    hint=Hint.CATALOG_FORM,
                    folder=str(folder),
                )
        self.roots: tuple[Path, ...] = (*given, own_root())

    def names(self) -> list[str]:
        """All labs, sorted."""
        return sorted({file.parent.name for root in self.roots for file in (root / "labs").glob("*/lab.yml")})

    def lab(self, name: str) -> Lab:
        """That lab. Raises UsageError with the nearest name for an unknown one, InvalidLabError for a faulty one."""
        if name not in self._labs:
            self._labs[name] = self._read(name)
        return self._labs[name]

    def brief(self, name: str, language: str) -> str:
        """The lab's brief, Markdown, params not filled in. Raises UsageError, InvalidLabError where it isn't there."""
        file = self.lab_dir(name) / ("brief.zh.md" if language == "zh" else "brief.md")
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise unreadable(file, error) from error

    def lab_dir(self, name: str) -> Path:
        """The lab's folder. Raises UsageError with the nearest name where there is none."""
        folder = self._find("labs", name, "lab.yml")
        if folder is not None:
            return folder
        from labctl.domain.nearest import nearest

        near = nearest(name, self.names())
        raise UsageError("there is no lab {lab}", hint=Hint.NAME_LAB, lab=name, near=near)

    def plays_dir(self, lab: str) -> Path:
        """The folder of the lab's plays; it need not exist."""
        return self.lab_dir(lab).parent.parent / "playbooks" / lab

    def play_path(self, lab: str, play: str) -> Path:
        """A play of the lab: ``setup``, ``solve``, ``mutants/no-auth``. Raises UsageError where there is none."""
        file = self.plays_dir(lab) / f"{play}.yml"
        if not file.is_file():
            raise UsageError(
                "the lab {lab} has no play {play}; it has: {plays}",
                lab=lab,
                play=play,
                plays=", ".join(self.plays(lab)) or "none",
            )
        return file

    def plays(self, lab: str) -> list[str]:
        """The lab's plays without .yml, sorted; mutants as ``mutants/<name>``."""
        folder = self.plays_dir(lab)
        files = [*folder.glob("*.yml"), *folder.glob("mutants/*.yml")]
        return sorted(str(file.relative_to(folder).with_suffix("")) for file in files)

    def mutants(self, lab: str) -> list[Mutant]:
        """The lab's mutants, sorted. Raises InvalidLabError for one that names no task, or tasks that aren't there."""
        from labctl.adapters import mutant_file

        tasks = [task.id for task in self.lab(lab).tasks]
        found = []
        for play in self.plays(lab):
            if play.startswith("mutants/"):
                file = self.play_path(lab, play)
                try:
                    content = file.read_bytes()
                except OSError as error:
                    raise unreadable(file, error) from error
                found.append(mutant_file.parse(content, file, tasks))
        return found

    def roles_dirs(self, lab: str) -> list[Path]:
        """Where the lab's plays find roles, in order: its own catalog's, then the others'."""
        own = self.lab_dir(lab).parent.parent
        folders = [root / "playbooks" / "roles" for root in dict.fromkeys((own, *self.roots))]
        return [folder for folder in folders if folder.is_dir()]

    def images(self) -> list[str]:
        """All images, sorted."""
        return sorted({file.parent.name for root in self.roots for file in (root / "images").glob("*/Dockerfile")})

    def image_dir(self, image: str) -> Path:
        """The image's folder. Raises InvalidLabError where there is none."""
        folder = self._find("images", image, "Dockerfile")
        if folder is not None:
            return folder
        raise InvalidLabError(
            "there is no image {image}; there are: {images}", image=image, images=", ".join(self.images())
        )

    def checks_dir(self, lab: str) -> Path:
        """The folder of the lab's checks; it need not exist."""
        return self.lab_dir(lab).parent.parent / "checks" / lab

    @property
    def plugin_dir(self) -> Path:
        """labctl's own Ansible plugins: ``connection/`` and ``callback/`` are in it."""
        return own_root() / "playbooks" / "plugins"

    def _find(self, kind: str, name: str, file: str) -> Path | None:
        # A name with a slash or dots would leave the catalog.
        if not name or "/" in name or name.startswith("."):
            return None
        return next((root / kind / name for root in self.roots if (root / kind / name / file).is_file()), None)

    def _read(self, name: str) -> Lab:
        file = self.lab_dir(name) / "lab.yml"
        try:
            content = file.read_bytes()
        except OSError as error:
            raise unreadable(file, error) from error
        kept = self._cache / f"{_cache_key(name, content)}.msgpack"
        lab = _load(kept)
        if lab is None:
            from labctl.adapters import lab_file

            lab = lab_file.parse(content, file, name)
            _keep(kept, lab)
        return lab


def unreadable(file: Path, error: Exception) -> InvalidLabError:
    """A file of the catalog that can't be read, and why."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return InvalidLabError("{file} can't be read: {why}", file=str(file), path="", why=str(why))


def _cache_key(name: str, content: bytes) -> str:
    """Of the lab's text and of the code that decodes it: a labctl with other rules reads the file again."""
    digest = sha256(name.encode() + b"\0" + content)
    for module in (model, text):
        code = Path(module.__file__ or "")
        digest.update(b"\0" + code.read_bytes() if code.is_file() else b"")
    digest.update(msgspec.__version__.encode())
    return digest.hexdigest()[:32]


def _load(file: Path) -> Lab | None:
    """The kept lab; None where there is none or it is damaged. Only labs without faults are kept."""
    try:
        data = file.read_bytes()
        if sha256(data[32:]).digest() != data[:32]:
            return None
        return msgspec.msgpack.decode(data[32:], type=Lab)
    except (OSError, msgspec.DecodeError):
        return None


def _keep(file: Path, lab: Lab) -> None:
    """Keep it, whole or not at all. A cache that can't be written costs time, nothing else."""
    data = msgspec.msgpack.encode(lab)
    with contextlib.suppress(OSError, UsageError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, sha256(data).digest() + data, 0o666)
