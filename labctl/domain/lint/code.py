"""Parses a lab's checks with ``ast``. The checks are never executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from labctl.domain.lint.material import Page


@dataclass(frozen=True)
class Check:
    """A test function. ``tasks`` are the tasks that its markers name; None stands for a name that is not literal.
    ``markers`` are the names of all its pytest marks with their lines, including the marks of its class and module."""

    page: Page
    name: str
    line: int
    doc: str
    tasks: tuple[tuple[str | None, int], ...]
    markers: tuple[tuple[str, int], ...]

    @property
    def hurts(self) -> bool:
        """Whether only ``verify --thorough`` runs the check."""
        return bool({"destructive", "reboot"} & {name for name, _ in self.markers})


@dataclass(frozen=True)
class Module:
    """A Python file of the checks. ``broken`` is the line and the message of a syntax error."""

    page: Page
    tree: ast.Module | None
    broken: tuple[int, str] | None = None

    @property
    def is_tests(self) -> bool:
        """Whether pytest searches the file for tests."""
        name = self.page.path.rpartition("/")[2]
        return name.startswith("test_") or name.endswith("_test.py")


def module(page: Page) -> Module:
    """Parse the file and return it as a module."""
    try:
        return Module(page, ast.parse(page.text))
    except SyntaxError as error:
        return Module(page, None, (error.lineno or 1, error.msg))
    except ValueError as error:  # the text contains a NUL byte
        return Module(page, None, (1, str(error)))


def checks(module: Module) -> Iterator[Check]:
    """Yield all test functions of a file, including those in classes."""
    if module.tree is None or not module.is_tests:
        return
    strings = _strings(module.tree)
    yield from _checks(module.page, module.tree.body, _marks_of_body(module.tree.body), strings)


Marks = tuple[ast.expr, ...]


def _checks(page: Page, body: list[ast.stmt], outer: Marks, strings: dict[str, str]) -> Iterator[Check]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            inner = (*node.decorator_list, *_marks_of_body(node.body), *outer)
            yield from _checks(page, node.body, inner, strings)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            tasks, markers = [], []
            for mark in (*node.decorator_list, *outer):
                if (name := _marker(mark)) is None:
                    continue
                markers.append((name, mark.lineno))
                if name == "task":
                    tasks.append((_argument(mark, strings), mark.lineno))
            doc = ast.get_docstring(node) or ""
            # The closest marker counts, as in pytest's get_closest_marker: decorators come first.
            yield Check(page, node.name, node.lineno, doc, tuple(tasks[:1]), tuple(markers))


def _marks_of_body(body: list[ast.stmt]) -> Marks:
    """Return the marks of ``pytestmark = [pytest.mark.copy]``."""
    found: list[ast.expr] = []
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            found += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return tuple(found)


def _marker(node: ast.expr) -> str | None:
    """Return the name of a marker: ``task`` for ``@pytest.mark.task("x")`` and for ``@mark.task``; otherwise None."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        above = node.value
        if (isinstance(above, ast.Attribute) and above.attr == "mark") or (
            isinstance(above, ast.Name) and above.id == "mark"
        ):
            return node.attr
    return None


def _argument(node: ast.expr, strings: dict[str, str]) -> str | None:
    if isinstance(node, ast.Call) and node.args:
        match node.args[0]:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return strings.get(name)
    return None


def _strings(tree: ast.Module) -> dict[str, str]:
    """Return the module-level names with a string as their value."""
    found: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found[name] = text
    return found


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the names of all imported modules, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def readings(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """Yield the pairs of headings, English and Chinese, that answers name. Such a pair is the argument ``read=("…",
    "…")`` of a function ``unmet``, or a value or table entry that is assigned to ``READ`` or ``READING``. Only literal
    headings are found."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="unmet") | ast.Attribute(attr="unmet"), keywords=keywords):
                for keyword in keywords:
                    if keyword.arg == "read":
                        yield from _pair(keyword.value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.strip("_") in ("READ", "READING"):
                for item in value.values if isinstance(value, ast.Dict) else [value]:
                    yield from _pair(item)


def _pair(node: ast.expr) -> Iterator[tuple[str, str, int]]:
    match node:
        case ast.Tuple(elts=[ast.Constant(value=str(english)), ast.Constant(value=str(chinese))]):
            yield english, chinese, node.lineno
        case ast.Constant(value=str(text)) if text:
            yield text, text, node.lineno
