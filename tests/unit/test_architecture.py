"""Layers point one way, files stay small, and no module is a drawer for odds and ends."""

from __future__ import annotations

import ast
from pathlib import Path

import labctl

PACKAGE = Path(labctl.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))


def test_the_import_contracts_hold() -> None:
    """import-linter's, in pyproject.toml. With no cache: a test leaves nothing in the tree."""
    from importlinter.application.use_cases import read_user_options
    from importlinter.cli import configuration, lint_imports

    configuration.configure()
    options = read_user_options(config_filename=str(ROOT / "pyproject.toml"))
    assert len(options.contracts_options) >= 4
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0, "see lint-imports"


def test_no_file_is_longer_than_300_lines() -> None:
    long = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    assert not {name: lines for name, lines in long.items() if lines > 300 and "/zh/" not in name}


def test_no_module_is_called_utils() -> None:
    odd = {"utils", "util", "helpers", "misc", "common_utils"}
    assert not [str(file) for file in FILES if file.stem in odd]


def test_every_module_and_everything_public_says_what_it_is_for() -> None:
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


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    """``labctl --help`` and completion are instant (DESIGN section 2)."""
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
        "import sys; from labctl.cli.app import main\n"
        "for argv in (['--help'], ['--version']):\n"
        "    try: main.main(argv, prog_name='labctl')\n"
        "    except SystemExit: pass\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
