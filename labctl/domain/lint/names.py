"""Faults of the names in checks: params, boxes, networks, fixtures, and names of the kit. Only literal names are
judged, because a computed name may be right."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from labctl.domain.lab.model import builtin_params
from labctl.domain.lint.code import Module
from labctl.domain.lint.fault import LintFault, Rule
from labctl.domain.lint.material import Material
from labctl.domain.nearest import nearest

PARAM = Rule(
    "check-param",
    ("the lab has no param {name}{near}", "实验没有参数 {name}{near_zh}"),
    ("the check would have an error for every learner", "对每个学生，这个检查都会出错"),
    ("the params are: {known}", "参数有：{known}"),
)
BOX = Rule(
    "check-box",
    ("the lab has no box {name}{near}", "实验没有机器 {name}{near_zh}"),
    (
        "the check would have an error, or its answer would name a box that does not exist",
        "检查会出错，或者指向不存在的机器",
    ),
    ("the boxes are: {known}", "机器有：{known}"),
)
NETWORK = Rule(
    "check-network",
    ("the lab has no network {name}{near}", "实验没有网络 {name}{near_zh}"),
    ("the check would have an error for every learner", "对每个学生，这个检查都会出错"),
    ("the networks are: {known}", "网络有：{known}"),
)
FIXTURE = Rule(
    "no-such-fixture",
    ("there is no fixture {name}{near}", "没有 fixture {name}{near_zh}"),
    ("pytest could not run the check", "pytest 无法执行这个检查"),
    (
        "docs/author.md lists all fixtures; the lab may define more in conftest.py",
        "全部 fixture 见 docs/author.md；实验可在 conftest.py 里再定义",
    ),
)
KIT = Rule(
    "no-such-kit-name",
    ("{module} has no {name}{near}", "{module} 里没有 {name}{near_zh}"),
    ("none of the checks in this file could run", "这个文件里的检查一个也跑不起来"),
    ("docs/kit.md lists all names of the kit", "kit 里全部的名字见 docs/kit.md"),
)

# Fixtures of pytest itself (docs.pytest.org, "Fixtures reference").
PYTEST_FIXTURES = frozenset(
    {
        "cache",
        "capfd",
        "capfdbinary",
        "caplog",
        "capsys",
        "capsysbinary",
        "doctest_namespace",
        "monkeypatch",
        "pytestconfig",
        "record_property",
        "record_testsuite_property",
        "record_xml_attribute",
        "recwarn",
        "request",
        "tmp_path",
        "tmp_path_factory",
    }
)
_OF_BOX = ("box", "listeners", "inside", "exercise", "power", "unmet")
"""Fixtures whose first argument is a box. A lab may have methods of the same names with other arguments."""
_OF_CABLES = ("cut", "mend")
"""Methods of the fixture ``cables``. All their arguments are boxes."""


def faults(modules: Sequence[Module], material: Material) -> Iterator[LintFault]:
    """Yield the faults of all names in the Python files of the checks."""
    fixtures = material.fixtures | PYTEST_FIXTURES | {name for one in modules for name in own_fixtures(one)}
    for one in modules:
        if one.tree is not None:
            yield from _of_fixtures(one, fixtures)
            yield from _of_kit(one, material)
            if material.lab is not None:
                yield from _of_lab(one, material)


def _of_lab(one: Module, material: Material) -> Iterator[LintFault]:
    lab, path = material.lab, one.page.path
    assert lab is not None and one.tree is not None  # noqa: S101  the caller has looked
    params = sorted({*lab.params, *builtin_params(lab)})
    taken = frozenset(_assigned(one.tree))
    for node in ast.walk(one.tree):
        for name, line in _params(node):
            if name not in params:
                yield PARAM.at(path, line, **_words(name, params))
        for name, line in _boxes(node, taken):
            if name and name not in lab.boxes:
                yield BOX.at(path, line, **_words(name, list(lab.boxes)))
        for name, line in _networks(node):
            if name and name not in lab.networks:
                yield NETWORK.at(path, line, **_words(name, list(lab.networks)))


Name = tuple[str, int]
"""A literal name, and its line."""


def _params(node: ast.AST) -> Iterator[Name]:
    """Yield the literal keys of ``params["x"]``, ``self.params["x"]`` and ``params.get("x")``."""
    match node:
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))) if _last(value) == "params":
            yield key, node.lineno
        case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=str(key)), *_]) if (
            _last(value) == "params"
        ):
            yield key, node.lineno


def _assigned(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a file assigns or defines, so they are not the fixtures of these names there."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name):
                yield name


def _boxes(node: ast.AST, taken: Collection[str]) -> Iterator[Name]:
    match node:
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(box)), *_]) if (
            name in _OF_BOX and name not in taken
        ):
            yield box, node.lineno
        case ast.Call(func=ast.Attribute(attr="box"), args=[ast.Constant(value=str(box)), *_]):
            yield box, node.lineno
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=arguments) if (
            name in _OF_CABLES and _last(value) == "cables"
        ):
            yield from ((str(each.value), each.lineno) for each in arguments if isinstance(each, ast.Constant))


def _networks(node: ast.AST) -> Iterator[Name]:
    match node:
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]) if _last(function) == "probe_on":
            yield name, node.lineno
        case ast.Call(func=function, keywords=keywords) if _last(function) in ("dial", *_OF_CABLES):
            for each in keywords:
                if each.arg == "network" and isinstance(each.value, ast.Constant):
                    yield str(each.value.value), node.lineno


def _last(node: ast.AST) -> str:
    """Return the last name of an expression: ``params`` for ``params`` and for ``self.params``."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def own_fixtures(one: Module) -> Iterator[str]:
    """Yield the names of the fixtures that a file defines."""
    for node in ast.walk(one.tree) if one.tree is not None else ():
        if isinstance(node, ast.FunctionDef) and (mark := _fixture_mark(node)) is not None:
            given = mark.keywords if isinstance(mark, ast.Call) else []
            named = (each.value.value for each in given if each.arg == "name" and isinstance(each.value, ast.Constant))
            yield str(next(named, node.name))


def _fixture_mark(node: ast.FunctionDef) -> ast.expr | None:
    for mark in node.decorator_list:
        if _last(mark.func if isinstance(mark, ast.Call) else mark) == "fixture":
            return mark
    return None


def _of_fixtures(one: Module, known: Collection[str]) -> Iterator[LintFault]:
    assert one.tree is not None  # noqa: S101  the caller has looked
    bodies = [one.tree.body]
    if one.is_tests:
        bodies += [
            node.body for node in one.tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
        ]
    for body in bodies:
        for node in body:
            if not isinstance(node, ast.FunctionDef):
                continue
            if _fixture_mark(node) is None and not (one.is_tests and node.name.startswith("test")):
                continue
            given = _parametrized(node)
            if given is None:
                continue  # the names are computed
            for name in _required(node):
                if name not in known and name not in given and name != "self":
                    yield FIXTURE.at(one.page.path, node.lineno, **_words(name, sorted(known)))


def _required(node: ast.FunctionDef) -> list[str]:
    """Return the arguments without a default, which pytest fills with fixtures."""
    positional = [*node.args.posonlyargs, *node.args.args]
    first = positional[: len(positional) - len(node.args.defaults)]
    named = [each for each, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value is None]
    return [each.arg for each in (*first, *named)]


def _parametrized(node: ast.FunctionDef) -> set[str] | None:
    """Return the arguments that ``parametrize`` fills, or None if they are computed."""
    found: set[str] = set()
    for mark in node.decorator_list:
        if not (isinstance(mark, ast.Call) and _last(mark.func) == "parametrize" and mark.args):
            continue
        match mark.args[0]:
            case ast.Constant(value=str(names)):
                found |= {name.strip() for name in names.split(",")}
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                found |= {str(each.value) for each in elements if isinstance(each, ast.Constant)}
            case _:
                return None
    return found


def _of_kit(one: Module, material: Material) -> Iterator[LintFault]:
    assert one.tree is not None  # noqa: S101  the caller has looked
    kit = material.kit
    for node in ast.walk(one.tree):
        wanted: list[tuple[str, str]] = []
        if isinstance(node, ast.Import):
            wanted = [_split(alias.name) for alias in node.names if alias.name.startswith("labctl.kit.")]
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("labctl.kit"):
            module = str(node.module)
            wanted = [(module, alias.name) for alias in node.names] if module in kit else [_split(module)]
        for module, name in wanted:
            names = kit.get(module, frozenset())
            if name not in names and f"{module}.{name}" not in kit:
                words = _words(name, sorted(names))
                yield KIT.at(one.page.path, getattr(node, "lineno", 1), module=module, **words)


def _split(path: str) -> tuple[str, str]:
    module, _, name = path.rpartition(".")
    return module, name


def _words(name: str, known: Sequence[str]) -> dict[str, str]:
    near = nearest(name, known)
    return {
        "name": name,
        "near": f" (did you mean {near}?)" if near else "",
        "near_zh": f"（是不是 {near}？）" if near else "",
        "known": ", ".join(known) or "-",
    }
