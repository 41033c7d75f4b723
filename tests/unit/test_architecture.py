"""Layers import in one direction, files stay small, and no module collects unrelated code."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import labctl
from labctl.adapters.catalog import FileCatalog

PACKAGE = Path(labctl.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))


def test_the_import_contracts_hold() -> None:
    """The contracts are those of import-linter in pyproject.toml. No cache is used, so a test leaves no file in the
    tree."""
    from importlinter.application.use_cases import read_user_options
    from importlinter.cli import configuration, lint_imports

    configuration.configure()
    options = read_user_options(config_filename=str(ROOT / "pyproject.toml"))
    assert len(options.contracts_options) >= 7
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0, (
        "run lint-imports to see the reason"
    )


def test_long_files_are_listed() -> None:
    """A file of more than 400 lines is a warning, not a failure. A split may separate code that belongs together, so
    people decide."""
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    long = sorted(f"{name}: {count} lines" for name, count in lines.items() if count > 400)
    if long:
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # pytest shows this warning; every other warning is an error
            warnings.warn(f"files of more than 400 lines: {', '.join(long)}", stacklevel=1)


def test_the_domain_names_no_lab() -> None:
    """Everything that differs from lab to lab is in the lab's file. A name with a dash is found inside a text as well.
    Examples in docstrings are allowed."""
    labs = FileCatalog().names()
    assert labs
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {lab}"
        for file in FILES
        if file.is_relative_to(PACKAGE / "domain")
        for node, text in strings(ast.parse(file.read_text()))
        for lab in labs
        if text == lab or ("-" in lab and lab in text)
    ]
    assert not found


def strings(tree: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    """Return the string constants that are not docstrings, with their texts."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Constant) and isinstance(child.value, str) and not isinstance(node, ast.Expr):
                yield child, child.value


def test_packages_import_nothing() -> None:
    """The command line starts fast only if importing a module imports none of its siblings."""
    allowed = {"app/parts", "ports", "adapters/store", "i18n", "kit", "kit/wire"}
    files = [file for file in FILES if file.name == "__init__.py" and file.parent != PACKAGE]
    busy = [
        str(file.parent.relative_to(PACKAGE))
        for file in files
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(file.read_text()).body)
    ]
    assert not set(busy) - allowed


def test_no_module_is_called_utils() -> None:
    odd = {"utils", "util", "helpers", "misc", "common_utils"}
    assert not [str(file) for file in FILES if file.stem in odd]


def test_every_module_and_every_public_name_has_a_docstring() -> None:
    silent = []
    for file in FILES:
        tree = ast.parse(file.read_text())
        name = str(file.relative_to(ROOT))
        if ast.get_docstring(tree) is None:
            silent.append(name)
        public = (ast.FunctionDef, ast.ClassDef)
        found = [node for node in tree.body if isinstance(node, public) and not node.name.startswith("_")]
        silent += [f"{name}: {node.name}" for node in found if ast.get_docstring(node) is None]
    assert not silent


def test_public_class_names_are_unique() -> None:
    """One name means one thing in the whole package: a search for a class finds exactly one."""
    places: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert len(places) > 300
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_the_call_paths_of_the_architecture_page_name_existing_functions() -> None:
    """In docs/architecture.md each step of a path has a file and its functions. `Class.method` is a method."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    steps = re.findall(r"^\| [↓↑] \d+ \| `([^`]+)` \| ([^|]+) \|", page, re.MULTILINE)
    assert len(steps) > 60
    missing = [
        f"{file}: {name}"
        for file, names in steps
        for name in re.findall(r"`([^`]+)`", names)
        if name not in defined(ast.parse((ROOT / file).read_text()))
    ]
    assert not missing


def defined(tree: ast.Module) -> set[str]:
    """Return the functions and classes of a module, methods as ``Class.method``."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    found = {node.name: node for node in tree.body if isinstance(node, kinds)}
    methods = {
        f"{name}.{each.name}"
        for name, node in found.items()
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, kinds)
    }
    return found.keys() | methods


# The files that use private names of a library. pyproject.toml bounds the versions of those libraries.
PRIVATE_USERS = {"adapters/docker/sdk.py", "adapters/workbook.py"}
# These names of named tuples and of SQLAlchemy's rows are public; os._exit is documented.
PUBLIC = {"_", "_replace", "_asdict", "_fields", "_mapping", "_exit"}


def _private_names(tree: ast.Module) -> set[str]:
    """Return the names with one leading underscore that are attributes of something else than self, cls or super()."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            of = node.value.func if isinstance(node.value, ast.Call) else node.value
            if getattr(of, "id", "") not in ("self", "cls", "super") and node.attr not in PUBLIC:
                found.add(node.attr)
    return found


def test_private_names_of_libraries_are_used_in_two_files_only() -> None:
    users = {str(file.relative_to(PACKAGE)): _private_names(ast.parse(file.read_text())) for file in FILES}
    own = {  # labctl's own: the name is defined in the file that uses it
        name: {word for word in found if f"def {word}(" not in (PACKAGE / name).read_text()}
        for name, found in users.items()
    }
    assert {name for name, found in own.items() if found} == PRIVATE_USERS, own


def test_importing_the_command_line_imports_no_heavy_module() -> None:
    """``labctl --help`` and completion must start at once."""
    import subprocess
    import sys

    heavy = {
        "docker",
        "rich",
        "msgspec",
        "sqlalchemy",
        "yaml",
        "paramiko",
        "ansible",
        "testinfra",
        "pytest",
        "requests",
    }
    code = (
        "import sys; from labctl.cli.main import main\n"
        "for argv in (['--help'], ['--version']):\n"
        "    try: main.main(argv, prog_name='labctl')\n"
        "    except SystemExit: pass\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
