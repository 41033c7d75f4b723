"""Read a lab for the linter. Implements services.lint.LabFiles. No part of the lab is executed."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import labctl
from labctl.adapters import check_packages, image_file, lab_file, mutant_entries
from labctl.adapters.catalog import FileCatalog, unreadable
from labctl.adapters.images.sources import Sources
from labctl.domain import imagery
from labctl.domain.lab import recipe
from labctl.domain.lab.model import Lab
from labctl.domain.lab.recipe import ImageRecipe
from labctl.domain.lint import briefs
from labctl.domain.lint.code import module
from labctl.domain.lint.judge import SCHEMA_LINE
from labctl.domain.lint.material import Dockerfile, Material, MutantsFile, Page, Play, Where
from labctl.domain.lint.names import own_fixtures
from labctl.domain.proof import mutants
from labctl.domain.proof.rules import MUTANTS
from labctl.errors import InvalidLabError

if TYPE_CHECKING:
    import yaml

_PLAYS = ("*.yml", "*/*.yml")
_PACKAGE = Path(labctl.__file__).parent


class LintFiles:
    """Reads the files of the labs of one catalog."""

    def __init__(self, catalog: FileCatalog) -> None:
        self._catalog = catalog

    def material(self, name: str) -> Material:
        """See services.lint.LabFiles."""
        folder = self._catalog.lab_dir(name)
        file = folder / "lab.yml"
        page = _page(file)
        lab, faults, lines = _lab(page, file, name)
        requirements = self._catalog.checks_dir(name) / check_packages.FILE
        dockerfiles, image_faults = self._images(lab)
        plays_dir, checks_dir = self._catalog.plays_dir(name), self._catalog.checks_dir(name)
        plays = tuple(_plays(plays_dir))
        return Material(
            name=name,
            lab=lab,
            lab_page=page,
            lab_lines=lines,
            schema_faults=tuple(faults),
            schema_found=_schema_found(page, folder),
            briefs={
                language: _page(folder / brief)
                for language, brief in briefs.FILES.items()
                if (folder / brief).is_file()
            },
            lab_files=_names(folder),
            checks=tuple(_page(found) for found in sorted(checks_dir.rglob("*.py")) if found.is_file()),
            checks_dir=_shown(checks_dir),
            requirements=_page(requirements) if requirements.is_file() else None,
            own_packages=frozenset(check_packages.own_packages()) if requirements.is_file() else frozenset(),
            plays=plays,
            entries=_entries(plays_dir / mutants.FILE, lab, plays),
            plays_dir=_shown(plays_dir),
            play_files=_names(plays_dir),
            dockerfiles=dockerfiles,
            image_faults=image_faults,
            images=frozenset(self._catalog.images()),
            roles=frozenset(
                item.name for root in self._catalog.roles_dirs(name) for item in root.iterdir() if item.is_dir()
            ),
            base=imagery.DEFAULT_BASE,
            fixtures=_fixtures(_PACKAGE / "adapters" / "checks" / "fixtures.py")
            | _fixtures(checks_dir.parent / "conftest.py"),
            kit=_kit(),
        )

    def _images(self, lab: Lab | None) -> tuple[tuple[Dockerfile, ...], tuple[tuple[str, int, str], ...]]:
        """Return the Dockerfiles of the lab's images and of their base images, and the faults of the images that have
        an image.yml instead."""
        known = set(self._catalog.images())
        todo = sorted({lab.image_of(box) for box in lab.boxes} & known) if lab else []
        dockerfiles: dict[str, Dockerfile] = {}
        found: list[tuple[str, int, str]] = []
        sources, seen = Sources(self._catalog), set[str]()
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            folder = self._catalog.image_dir(name)
            file = folder / recipe.FILE
            if not file.is_file():
                source = sources.image(name)
                file = Path(source.file)
                dockerfiles[name] = Dockerfile(name, _page(file), imagery.references(source.dockerfile))
                todo += [parent for parent in imagery.needs(source) if parent in known]
                continue
            if (folder / "Dockerfile").exists():
                found.append((_shown(file), 1, "the folder also contains a Dockerfile; remove one of the two files"))
            image, faults = _recipe(file, self._catalog.parents(name))
            found += [(_shown(file), line, f"{path}: {what}" if path else what) for line, path, what in faults]
            todo += [image.parent] if image and image.parent in known else []
        return tuple(dockerfiles[name] for name in sorted(dockerfiles)), tuple(found)


def _lab(page: Page, file: Path, name: str) -> tuple[Lab | None, list[tuple[int, str, str]], dict[Where, int]]:
    try:
        lab, faults = lab_file.examine(page.text.encode(), file, name)
    except InvalidLabError as error:
        return None, [(error.values["line"], "", error.values["what"])], {}
    return lab, faults, _decoded(page.text)[1]


def _recipe(file: Path, parents: list[str]) -> tuple[ImageRecipe | None, list[tuple[int, str, str]]]:
    try:
        return image_file.examine(_page(file).text.encode(), file, parents)
    except InvalidLabError as error:
        if "what" not in error.values:
            raise
        return None, [(error.values["line"], "", error.values["what"])]


def _schema_found(page: Page, folder: Path) -> bool:
    match = SCHEMA_LINE.fullmatch(page.text.partition("\n")[0].strip())
    return match is not None and (match[1].startswith("https://") or (folder / match[1]).is_file())


def _plays(folder: Path) -> Iterator[Play]:
    for file in sorted({found for pattern in _PLAYS for found in folder.glob(pattern)}):
        if file == folder / mutants.FILE:
            continue
        page = _page(file)
        name = file.relative_to(folder).with_suffix("").as_posix()
        import yaml

        try:
            data, lines = _decoded(page.text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            yield Play(name, page, broken=(mark.line + 1 if mark else 1, str(error.problem or error.context)))
        except yaml.YAMLError as error:
            yield Play(name, page, broken=(1, " ".join(str(error).split())))
        else:
            yield Play(name, page, data, lines)


def _entries(file: Path, lab: Lab | None, plays: tuple[Play, ...]) -> MutantsFile | None:
    """Return the mutants of ``mutants.yml`` with the faults of the file. Return None if there is no such file, or if
    there is no lab to compare it with."""
    if lab is None or not file.is_file():
        return None
    page = _page(file)
    names = {play.name.removeprefix(MUTANTS) for play in plays if play.name.startswith(MUTANTS)}
    try:
        entries, faults = mutant_entries.examine(page.text.encode(), file, lab, names)
    except InvalidLabError as error:
        return MutantsFile(page, faults=((error.values["line"], "", error.values["what"]),))
    return MutantsFile(page, frozenset(task for one in entries.values() for task in one.fails), tuple(faults))


def _decoded(text: str) -> tuple[Any, dict[Where, int]]:
    """Return a YAML document as plain data without tags such as ``!vault``, and the line of each place in the
    document."""
    import yaml

    tree = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    lines: dict[Where, int] = {}
    return (None if tree is None else _plain(tree, (), lines)), lines


def _plain(node: yaml.Node, where: Where, lines: dict[Where, int]) -> Any:
    import yaml

    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found = {}
        for key, value in node.value:
            name = str(key.value)
            lines[(*where, name)] = key.start_mark.line + 1
            found[name] = _plain(value, (*where, name), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*where, index), lines) for index, item in enumerate(node.value)]
    return (
        True
        if node.tag.endswith(":bool") and node.value.lower() in ("true", "yes", "on")
        else (None if node.tag.endswith((":null", ":bool")) else node.value)
    )


def _fixtures(file: Path) -> frozenset[str]:
    """Return the fixtures that a Python file defines. The file is parsed and not imported, because pytest is slow to
    load."""
    return frozenset(own_fixtures(module(_page(file)))) if file.is_file() else frozenset()


@functools.cache
def _kit() -> Mapping[str, frozenset[str]]:
    """Return the modules of the kit with the names that each defines at its top level. A package offers what its
    ``__all__`` lists."""
    found: dict[str, frozenset[str]] = {}
    for file in sorted((_PACKAGE / "kit").rglob("*.py")):
        path = file.relative_to(_PACKAGE.parent).with_suffix("")
        name = ".".join(path.parent.parts if path.name == "__init__" else path.parts)
        found[name] = frozenset(_defined(ast.parse(file.read_text("utf-8"))))
    return found


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                yield from (str(each.value) for each in elements if isinstance(each, ast.Constant))
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name for alias in aliases)


def _names(folder: Path) -> frozenset[str]:
    """Return all files below a folder, as paths relative to the folder."""
    return frozenset(
        (Path(path) / name).relative_to(folder).as_posix() for path, _, names in os.walk(folder) for name in names
    )


def _page(file: Path) -> Page:
    try:
        return Page(_shown(file), file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(file, error) from error


def _shown(file: Path) -> str:
    """Return the path as an author types it: relative to the current folder if the path is below that folder."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)
