"""The catalog on disk: labs, playbooks, images and checks, from one or several folders.

A catalog root is a folder with ``labs/`` (and ``playbooks/``, ``images/``, ``checks/``). The given roots come first.
labctl's own root comes last: the checkout if labctl runs from a checkout, otherwise the copy in the wheel. If several
roots have the same item, the item of the first root is used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from labctl.adapters.paths import cache_dir
from labctl.domain import requirements, text
from labctl.domain.lab import model, recipe
from labctl.domain.lab.model import Lab
from labctl.domain.lab.recipe import ImageRecipe
from labctl.domain.proof import mutants
from labctl.domain.proof.mutants import MutantEntry
from labctl.domain.proof.rules import MUTANTS, Mutant
from labctl.errors import InvalidLabError, UsageError
from labctl.hints import Hint
from labctl.whole_file import write_whole

_PACKAGE = Path(__file__).parent.parent

_IMAGE = ("Dockerfile", recipe.FILE)
_LAB_CODE = (model, text)
_RECIPE_CODE = (model, recipe, requirements)

S = TypeVar("S", bound=msgspec.Struct)


def own_root() -> Path:
    """Return labctl's own catalog: the checkout if there is one, otherwise the copy in the wheel."""
    checkout = _PACKAGE.parent
    return checkout if (checkout / "labs").is_dir() else _PACKAGE / "_catalog"


class FileCatalog:
    """Implements :class:`labctl.ports.Catalog`. Raises UsageError if a given folder is not a catalog."""

    def __init__(self, dirs: Iterable[str | Path] = (), cache: Path | None = None) -> None:
        self._cache = (cache_dir() if cache is None else cache) / "labs"
        self._labs: dict[str, Lab] = {}
        self._headings: dict[str, dict[text.Language, Mapping[str, str]]] = {}
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
        """Return the names of all labs, sorted."""
        return sorted({file.parent.name for root in self.roots for file in (root / "labs").glob("*/lab.yml")})

    def lab(self, name: str) -> Lab:
        """Return the lab. Raises UsageError with the nearest name for an unknown lab, and InvalidLabError for a lab
        with faults."""
        if name not in self._labs:
            self._labs[name] = self._read(name)
        return self._labs[name]

    def brief(self, name: str, language: str) -> str:
        """Return the lab's brief as Markdown, without the values of params. If there is no brief in that language,
        return the brief in the other language. Raises UsageError for an unknown lab, and
        InvalidLabError if there is no readable brief."""
        files = [self.lab_dir(name) / file for file in ("brief.zh.md", "brief.md")]
        if language != "zh":
            files.reverse()
        # A lab may begin with one language.
        file = next((file for file in files if file.is_file()), files[0])
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise unreadable(file, error) from error

    def heading(self, name: str, task: str) -> text.Text:
        """Return the heading of a task's section in each brief. It is empty if the brief has no such section or can't
        be read: an answer is useful without it, too."""
        if name not in self._headings:
            self._headings[name] = {language: self._task_headings(name, language) for language in text.LANGUAGES}
        return text.Text(*(headings.get(task, "") for headings in self._headings[name].values()))

    def _task_headings(self, name: str, language: text.Language) -> Mapping[str, str]:
        from labctl.domain.lab.brief import task_headings

        with contextlib.suppress(UsageError, InvalidLabError):
            return task_headings(self.brief(name, language))
        return {}

    def lab_dir(self, name: str) -> Path:
        """Return the lab's folder. Raises UsageError with the nearest name if there is no such lab."""
        folder = self._find("labs", name, "lab.yml")
        if folder is not None:
            return folder
        from labctl.domain.nearest import nearest

        near = nearest(name, self.names())
        raise UsageError("there is no lab {lab}", hint=Hint.NAME_LAB, lab=name, near=near)

    def plays_dir(self, lab: str) -> Path:
        """Return the folder of the lab's plays. The folder need not exist."""
        return self.lab_dir(lab).parent.parent / "playbooks" / lab

    def play_path(self, lab: str, play: str) -> Path:
        """Return the file of a play such as ``setup``, ``solve`` or ``mutants/no-auth``. Raises UsageError if the lab
        has no such play."""
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
        """Return the lab's plays without .yml, sorted. Mutants that are plays are ``mutants/<name>``."""
        folder = self.plays_dir(lab)
        files = [*(file for file in folder.glob("*.yml") if file.name != mutants.FILE), *folder.glob("mutants/*.yml")]
        return sorted(str(file.relative_to(folder).with_suffix("")) for file in files)

    def mutants(self, lab: str) -> list[Mutant]:
        """Return the lab's mutants, sorted by name: plays, and entries of ``mutants.yml``. Raises InvalidLabError for a
        mutant that names no task or an unknown task, and for any other fault of an entry."""
        from labctl.adapters import mutant_file

        tasks = [task.id for task in self.lab(lab).tasks]
        found = []
        for play in self.plays(lab):
            if play.startswith(MUTANTS):
                file = self.play_path(lab, play)
                found.append(mutant_file.parse(_content(file), file, tasks))
        found += [Mutant(name, tuple(dict.fromkeys(entry.fails))) for name, entry in self._entries(lab).items()]
        return sorted(found, key=lambda mutant: mutant.name)

    def entry_play(self, lab: str, play: str) -> list[dict[str, Any]] | None:
        """Return the playbook of a mutant that is an entry of ``mutants.yml``. Return None for any other play."""
        if not play.startswith(MUTANTS):
            return None
        name = play.removeprefix(MUTANTS)
        entry = self._entries(lab).get(name)
        return None if entry is None else mutants.play_of(name, entry)

    def _entries(self, lab: str) -> Mapping[str, MutantEntry]:
        file = self.plays_dir(lab) / mutants.FILE
        if not file.is_file():
            return {}
        from labctl.adapters import mutant_entries

        plays = {play.removeprefix(MUTANTS) for play in self.plays(lab) if play.startswith(MUTANTS)}
        return mutant_entries.parse(_content(file), file, self.lab(lab), plays)

    def roles_dirs(self, lab: str) -> list[Path]:
        """Return the folders in which the lab's plays find roles. The folder of the lab's own catalog comes first."""
        own = self.lab_dir(lab).parent.parent
        folders = [root / "playbooks" / "roles" for root in dict.fromkeys((own, *self.roots))]
        return [folder for folder in folders if folder.is_dir()]

    def images(self) -> list[str]:
        """Return the names of all images, sorted. An image has a ``Dockerfile`` or an ``image.yml``."""
        files = (file for root in self.roots for name in _IMAGE for file in (root / "images").glob(f"*/{name}"))
        return sorted({file.parent.name for file in files})

    def parents(self, image: str) -> list[str]:
        """Return the images from which another image with an ``image.yml`` may start: all boxes of the catalog."""
        from labctl.domain.imagery import SYSTEM_IMAGES

        return [name for name in self.images() if name not in (image, *SYSTEM_IMAGES)]

    def recipe(self, image: str) -> ImageRecipe | None:
        """Return the content of the image's ``image.yml``. Return None if the image has a Dockerfile instead. Raises
        InvalidLabError if there is no such image, if the image has both files, or if the recipe has faults."""
        folder = self.image_dir(image)
        file = folder / recipe.FILE
        if not file.is_file():
            return None
        if (folder / "Dockerfile").exists():
            raise InvalidLabError(
                "{folder} contains a Dockerfile and an image.yml; remove one of them", folder=str(folder), path=""
            )
        content = _content(file)
        parents = self.parents(image)
        kept = self._cache.parent / "images" / f"{_cache_key(image, content, _RECIPE_CODE)}.msgpack"
        found = _load(kept, ImageRecipe)
        if found is None or found.parent not in parents:
            from labctl.adapters import image_file

            found = image_file.parse(content, file, parents)
            _keep(kept, found)
        return found

    def image_dir(self, image: str) -> Path:
        """Return the image's folder. Raises InvalidLabError if there is no such image."""
        folder = self._find("images", image, *_IMAGE)
        if folder is not None:
            return folder
        raise InvalidLabError(
            "there is no image {image}; there are: {images}", image=image, images=", ".join(self.images())
        )

    def checks_dir(self, lab: str) -> Path:
        """Return the folder of the lab's checks. The folder need not exist."""
        return self.lab_dir(lab).parent.parent / "checks" / lab

    @property
    def plugin_dir(self) -> Path:
        """The folder of labctl's own Ansible plugins, with the subfolders ``connection/`` and ``callback/``."""
        return own_root() / "playbooks" / "plugins"

    def _find(self, kind: str, name: str, *files: str) -> Path | None:
        # A name with a slash or with dots could lead to a path outside the catalog.
        if not name or "/" in name or name.startswith("."):
            return None
        folders = (root / kind / name for root in self.roots)
        return next((folder for folder in folders if any((folder / file).is_file() for file in files)), None)

    def _read(self, name: str) -> Lab:
        file = self.lab_dir(name) / "lab.yml"
        content = _content(file)
        kept = self._cache / f"{_cache_key(name, content, _LAB_CODE)}.msgpack"
        lab = _load(kept, Lab)
        if lab is None:
            from labctl.adapters import lab_file

            lab = lab_file.parse(content, file, name)
            _keep(kept, lab)
        return lab


def _content(file: Path) -> bytes:
    """Return the content of a file of the catalog. Raises InvalidLabError if the file can't be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from error


def unreadable(file: Path, error: Exception) -> InvalidLabError:
    """Return the error for a file of the catalog that can't be read, with the reason."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return InvalidLabError("{file} can't be read: {why}", file=str(file), path="", why=str(why))


def _cache_key(name: str, content: bytes, modules: tuple[ModuleType, ...]) -> str:
    """Return a key for a text and the code that decodes it. A labctl with other rules reads the file again."""
    digest = sha256(name.encode() + b"\0" + content)
    for module in modules:
        code = Path(module.__file__ or "")
        digest.update(b"\0" + code.read_bytes() if code.is_file() else b"")
    digest.update(msgspec.__version__.encode())
    return digest.hexdigest()[:32]


def _load(file: Path, kind: type[S]) -> S | None:
    """Return the cached struct, or None if there is no cached copy or the copy is damaged. Files with faults are not
    cached."""
    try:
        data = file.read_bytes()
        if sha256(data[32:]).digest() != data[:32]:
            return None
        return msgspec.msgpack.decode(data[32:], type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def _keep(file: Path, decoded: msgspec.Struct) -> None:
    """Write the struct to the cache atomically. If the cache can't be written, labctl only gets slower."""
    data = msgspec.msgpack.encode(decoded)
    with contextlib.suppress(OSError, UsageError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, sha256(data).digest() + data, 0o666)
