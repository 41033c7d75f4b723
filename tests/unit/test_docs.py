"""Documentation that is tested: generated pages are up to date, links lead to files, commands exist."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

import labctl.kit
from labctl.adapters import lab_file
from labctl.cli.commands import COMMANDS
from labctl.cli.main import LazyGroup, main
from labctl.errors import Exit

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROSE = [page for page in PAGES if page.name not in ("commands.md", "CHANGELOG.md")]
# The lab that docs/author.md writes is not in a catalog of this repository.
EXAMPLE = "first-file"


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _fences(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def _command_lines(page: Path) -> Iterator[str]:
    """Return each ``labctl …`` that a reader may type, from fences and inline code, without comments."""
    for fence in _fences(page, "sh"):
        yield from (line.split("  #")[0] for line in fence.splitlines())
    for fence in _fences(page, "text"):
        yield from (line[2:] for line in fence.splitlines() if line.startswith("$ "))
    yield from re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL))


def _calls(page: Path) -> Iterator[list[str]]:
    for line in _command_lines(page):
        for part in re.split(r"&&|\||;|>>?|\$\(|\)", line):
            try:
                words = shlex.split(part)
            except ValueError:
                words = part.split()
            if words[:1] == ["labctl"]:
                yield words[1:]


def _check_call(words: list[str]) -> None:
    """Raise AssertionError for a command or an option that does not exist."""
    command: click.Command = main
    context = click.Context(main, info_name="labctl", **main.context_settings)
    while words:
        word = words.pop(0)
        if word in ("--", "…", "COMMAND", "命令"):
            return
        if word.startswith("-"):
            name, equals, _ = word.partition("=")
            found = [item for item in command.get_params(context) if name in item.opts]
            assert found, f"{command.name} has no option {name}"
            option = found[0]
            if isinstance(option, click.Option) and not option.is_flag and not equals and words:
                words.pop(0)
        elif isinstance(command, LazyGroup):
            assert word in command.table, f"{command.name} has no command {word}"
            deeper = command.get_command(context, word)
            assert deeper is not None
            command = deeper


@pytest.mark.parametrize(
    "name", ["docs/commands.md", "docs/lab.schema.json", "docs/image.schema.json", "docs/json.schema.json"]
)
def test_generated_pages_are_up_to_date(name: str) -> None:
    wanted = {str(file.relative_to(ROOT)): content for file, content in _generate().generated().items()}
    path = next(path for path in wanted if path.endswith(name))
    assert (ROOT / path).read_bytes() == wanted[path], f"{path} is stale: .venv/bin/python docs/generate.py"


def test_every_command_has_help_and_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "commands.md").read_text("utf-8")
    for path, command, context in _generate().commands():
        assert f"\n## {path}\n" in reference
        assert command.help, f"{path} has no help"
        assert "Example" in command.get_help(context), f"{path} has no example"


def test_every_command_is_described_in_a_guide() -> None:
    learner = (ROOT / "docs" / "learner.md").read_text("utf-8")
    prose = "\n".join(page.read_text("utf-8") for page in PROSE)
    for name, (_target, line) in COMMANDS.items():
        assert not line or f"labctl {name}" in prose, f"no page says labctl {name}"
    for name in ("list", "up", "show", "enter", "verify", "hint", "history", "down", "reset", "solve", "stop", "start"):
        assert f"labctl {name}" in learner


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_commands_and_options_in_the_pages_exist(page: Path) -> None:
    for words in _calls(page):
        said = " ".join(words)
        try:
            _check_call(list(words))
        except AssertionError as error:
            raise AssertionError(f"{page.name}: labctl {said}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_existing_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_files_named_in_the_pages_exist(page: Path) -> None:
    for target in re.findall(
        r"`((?:\./)?(?:labctl|docs|tests|images|labs|playbooks|checks|bench)/[\w./-]*)`", page.read_text("utf-8")
    ):
        assert "NAME" in target or (ROOT / target).exists() or _is_an_image(target), f"{page.name}: {target}"
    assert "./setup.sh" not in page.read_text("utf-8") or (ROOT / "setup.sh").exists()


def _is_an_image(target: str) -> bool:
    """Whether the target is an image such as ``labctl/box``, as Dockerfiles and the engine name it."""
    return (ROOT / "images" / target.removeprefix("labctl/")).is_dir()


TRANSLATED = ("learner", "instructor", "operator")


def test_translated_pages_link_to_each_other() -> None:
    pairs = [(f"docs/{name}.md", f"docs/{name}.zh.md") for name in TRANSLATED]
    for one, other in (("README.md", "docs/README.zh.md"), *pairs):
        for page, link in ((ROOT / one, ROOT / other), (ROOT / other, ROOT / one)):
            links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
            assert any((page.parent / target).resolve() == link for target in links), f"{page.name} → {link.name}"


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_examples_of_a_page_and_its_translation_are_the_same(name: str) -> None:
    english, chinese = (list(_calls(ROOT / "docs" / page)) for page in (f"{name}.md", f"{name}.zh.md"))
    heads = [{" ".join(words[:2]) for words in calls if words} for calls in (english, chinese)]
    assert heads[0] - heads[1] == set()


def test_the_example_of_the_author_page_is_a_valid_lab() -> None:
    page = ROOT / "docs" / "author.md"
    lab = lab_file.parse(_fences(page, "yaml")[0].encode(), page, EXAMPLE)
    assert [task.id for task in lab.tasks] == ["word"]
    compile(_fences(page, "python")[0], str(page), "exec")


def test_exit_codes_are_all_in_the_operator_page() -> None:
    section = (ROOT / "docs" / "operator.md").read_text("utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)] == [int(code) for code in Exit]


def test_settings_are_all_in_the_operator_page() -> None:
    from labctl.adapters.settings import KEYS

    page = (ROOT / "docs" / "operator.md").read_text("utf-8")
    assert [key for key in KEYS if f"`{key}`" not in page] == []


def test_kernel_limits_in_the_operator_page_are_those_of_doctor() -> None:
    from labctl.domain.diagnosis import WANTED_SYSCTLS

    page = " ".join((ROOT / "docs" / "operator.md").read_text("utf-8").split())
    assert [name for name, value in WANTED_SYSCTLS.items() if f"`{name}` {value}" not in page] == []


def test_the_changelog_has_this_version() -> None:
    import labctl

    assert f"## [{labctl.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


KIT_PAGES = [ROOT / "docs" / "kit.md", *sorted((ROOT / "docs" / "kit").glob("*.md"))]


@pytest.mark.parametrize("page", KIT_PAGES, ids=lambda page: page.name)
def test_the_examples_of_the_kit_import_existing_names(page: Path) -> None:
    """The examples are functions of a lab that does not exist. So they are compiled, and their imports are run."""
    examples = _fences(page, "python")
    assert examples
    for example in examples:
        tree = ast.parse(example)
        imports: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), page.name, "exec"), {})


def test_every_name_of_the_kit_is_described() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in KIT_PAGES)
    missing = [name for name in labctl.kit.__all__ if not re.search(rf"\b{name}\b", pages)]
    assert not missing
