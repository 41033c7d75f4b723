"""The texts of labctl and their translations, for translators and for those who change a text.

    python docs/texts.py            list missing and stale texts of each language; exit status 1 if there are any
        python docs/texts.py --update   add new texts to each labctl.po, remove stale texts, and compile it to labctl.mo
        python docs/texts.py --add fr   begin a new language

A reworded text is a new text: --update prints its old translation, so that you can copy it. The catalogs are
labctl/i18n/locale/LANGUAGE/LC_MESSAGES/labctl.po; edit them with any tool for gettext, then run --update.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import click  # noqa: E402
from babel import Locale  # noqa: E402
from babel.messages.catalog import Catalog, Message  # noqa: E402
from babel.messages.mofile import read_mo, write_mo  # noqa: E402
from babel.messages.pofile import read_po, write_po  # noqa: E402

from labctl.cli.main import LazyGroup, main  # noqa: E402

LABCTL = ROOT / "labctl"
LOCALE = LABCTL / "i18n" / "locale"
Key = str | tuple[str, str]
"""A text, or its singular and its plural."""

# For each kind of call, the arguments that are texts. Few texts are marked with _(). Most texts are templates: errors
# and events carry them with their values to the front end that shows them.
ARGUMENTS = {
    "_": (0,),
    "Note": (0,),
    "StepStarted": (1,),
    "BuildJob": (0,),
    "Finding": (2, 3),
    "Obstacle": (0, 1),
    "_step": (2,),
    "Flaw": (2, 3),
    "CellError": (0, 1),
    "Phrase": (0,),
    "_wrong": (1, 2),
    "Remark": (0,),
    "RosterNote": (3,),
}
KEYWORDS = ("remedy",)
# Commands that are typed, not read, and a message that consists of values only.
SAME = re.compile(r"((sudo )?(labctl|apt-get|docker|sysctl)( [a-z{}.=:/\d-]+| [A-Z]+| http://HOST/debian)+|\{\w+\})")

# click's own texts that labctl can show (labctl.cli.click_words).
CLICK: tuple[Key, ...] = (
    "Usage:",
    "Options",
    "Commands",
    "Positional arguments",
    "deprecated",
    "required",
    "default: {default}",
    "env var: {var}",
    "(dynamic)",
    "Show this message and exit.",
    "Show the version and exit.",
    "Aborted!",
    "Error: {message}",
    "Error: invalid input",
    "Try '{command} {option}' for help.",
    "Missing command.",
    "Missing argument",
    "Missing option",
    "Missing parameter",
    "Missing parameter: {param_name}",
    "Missing {param_type}",
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "No such option {name!r}.",
    "No such command {name!r}.",
    "Option {name!r} does not take a value.",
    "Argument {name!r} takes {nargs} values.",
    "Could not open file {filename!r}: {message}",
    "unknown error",
    "file",
    "directory",
    "path",
    "Choose from:\n\t{choices}",
    "{value!r} is not in the range {range}.",
    "{value!r} is not a valid {number_type}.",
    "{value!r} is not a valid boolean. Recognized values: {states}",
    "{name} {filename!r} does not exist.",
    "{name} {filename!r} is a file.",
    "{name} {filename!r} is a directory.",
    "{name} {filename!r} is not readable.",
    "{name} {filename!r} is not writable.",
    "{name} {filename!r} is not executable.",
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
)


def _words() -> Iterator[tuple[object, str]]:
    """Texts that are not literals of such a call, each with an object of the module that holds them."""
    from labctl.adapters import settings
    from labctl.cli import list as list_command
    from labctl.cli.cohort import progress as cohort_progress
    from labctl.cli.gateway import hints as gateway_hints
    from labctl.cli.ui import hint_words
    from labctl.domain import observed, verdict
    from labctl.domain.classroom import capacity, encodings, ssh_key
    from labctl.domain.proof import rules as proof

    for kind in (observed.State, verdict.Verdict, proof.Phase, capacity.Fit):
        yield from ((kind, str(word)) for word in kind)
    yield from ((capacity, text) for text in (*capacity.REMEDIES.values(), *capacity.RESOURCES[1:]))
    yield from ((hint_words, wording.text) for wording in hint_words.all_wordings())
    yield from ((gateway_hints, wording.text) for wording in gateway_hints.OTHERWISE.values())
    for module, table in ((ssh_key, ssh_key.FORMS), (encodings, encodings.KINDS)):
        yield from ((module, text) for _pattern, *texts in table for text in texts)
    yield from ((cohort_progress, text) for verb in cohort_progress.Verb for text in verb.value if text)
    yield from ((list_command, word) for word in ("beginner", "intermediate", "advanced"))
    yield from ((settings, word) for word in ("default", "file", "env"))


def _literals(node: ast.expr, names: dict[str, list[str]]) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp():
            return _literals(node.body, names) + _literals(node.orelse, names)
        case ast.Name():
            return names.get(node.id, [])
    return []


def _shown(module: ast.Module, errors: set[str]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names.setdefault(node.targets[0].id, []).extend(_literals(node.value, {}))
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        places = (0,) if name in errors else ARGUMENTS.get(name, ())
        for index in places:
            if index < len(node.args):
                yield from _literals(node.args[index], names)
        if places:
            for keyword in node.keywords:
                if keyword.arg in KEYWORDS:
                    yield from _literals(keyword.value, names)


def _in_code() -> Iterator[tuple[str, str]]:
    from labctl import errors

    names = {name for name in vars(errors) if re.fullmatch(r"[A-Z]\w*Error", name)}
    for file in sorted(LABCTL.rglob("*.py")):
        if file.parent.name != "keeper":  # the keeper has no texts: it runs without labctl
            where = file.relative_to(ROOT).as_posix()
            yield from ((where, text) for text in _shown(ast.parse(file.read_text("utf-8")), names))


def _in_help() -> Iterator[tuple[str, str]]:
    todo: list[tuple[str, click.Command]] = [("labctl/cli/main.py", main)]
    while todo:
        where, command = todo.pop()
        yield where, " ".join((command.help or "").split())
        for item in command.params:
            if isinstance(item, click.Option) and item.help and item.help not in CLICK:
                yield where, item.help
        if isinstance(command, LazyGroup):
            for name, (target, line) in command.table.items():
                yield where, line
                if found := command.get_command(click.Context(command), name):
                    todo.append((f"{target.partition(':')[0].replace('.', '/')}.py", found))


def _same(key: Key) -> bool:
    """Whether a text needs no translation."""
    return isinstance(key, str) and SAME.fullmatch(key) is not None


def _file(thing: object) -> str:
    name = getattr(thing, "__module__", "") or getattr(thing, "__name__", "")
    return f"{name.replace('.', '/')}.py"


@cache
def texts() -> dict[Key, str]:
    """Every text that labctl shows, with its source file, in the order of files and texts."""
    found: dict[Key, str] = {}
    words = [(_file(thing), text) for thing, text in _words()]
    for where, text in sorted([*_in_code(), *_in_help(), *words]):
        if text:
            found.setdefault(text, where)
    return {**found, **{key: "click" for key in CLICK if key not in found}}


def catalogs() -> dict[str, Path]:
    """The .po file of every language."""
    return {file.parent.parent.name: file for file in sorted(LOCALE.glob("*/LC_MESSAGES/labctl.po"))}


def read(file: Path) -> Catalog:
    """A language's catalog."""
    with file.open("rb") as stream:
        return read_po(stream, locale=file.parent.parent.name, domain="labctl", abort_invalid=True)


def _key(message: Message) -> Key:
    return message.id if isinstance(message.id, str) else (message.id[0], message.id[1])


def _translated(message: Message) -> bool:
    strings = (message.string,) if isinstance(message.string, str) else message.string
    return all(strings or ()) and not message.fuzzy


def translations(catalog: Catalog) -> dict[Key, str | tuple[str, ...]]:
    """The translated texts and their translations."""
    return {
        _key(message): message.string if isinstance(message.string, str) else tuple(message.string or ())
        for message in catalog
        if message.id and _translated(message)
    }


def missing(catalog: Catalog) -> list[Key]:
    """The texts without a translation, which labctl shows in English."""
    known = translations(catalog)
    return [key for key in texts() if key not in known and not _same(key)]


def stale(catalog: Catalog) -> list[Key]:
    """The texts of a catalog that labctl no longer shows."""
    known = texts()
    return [_key(message) for message in catalog if message.id and _key(message) not in known]


def compiled(file: Path) -> dict[Key, str | tuple[str, ...]]:
    """The translations of a language's .mo."""
    with file.with_suffix(".mo").open("rb") as stream:
        return translations(read_mo(stream))


def updated(catalog: Catalog, language: str) -> Catalog:
    """A catalog with exactly the present texts, in order; translators' comments stay."""
    new = Catalog(locale=language, domain="labctl", fuzzy=False)
    # With dates, two builds of the same texts would differ.
    new.creation_date = new.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    before = {_key(message): message for message in catalog if message.id}
    for key, where in texts().items():
        old = before.get(key)
        if old is None and _same(key):
            continue
        string = old.string if old else ("" if isinstance(key, str) else ("",) * new.num_plurals)
        comments = old.user_comments if old else ()
        new.add(key, string, [(where, 0)], user_comments=comments, flags={"fuzzy"} if old and old.fuzzy else ())
    return new


def _header(language: str) -> str:
    forms = Catalog(locale=language).plural_forms
    return (
        f"# {Locale.parse(language).english_name} texts of labctl. docs/texts.py --update writes this file anew. It\n"
        "# keeps translators' comments, and the translations of texts that labctl shows.\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n"Plural-Forms: {forms}\\n"\n'
        '"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )


def write(file: Path, catalog: Catalog) -> None:
    """Write the .po file, and beside it the .mo file, which labctl reads."""
    language = file.parent.parent.name
    text, binary = BytesIO(), BytesIO()
    write_po(text, catalog, width=120, omit_header=True, include_lineno=False)
    write_mo(binary, catalog)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_header(language) + text.getvalue().decode().lstrip("\n"), "utf-8")
    file.with_suffix(".mo").write_bytes(binary.getvalue())


def update(file: Path) -> None:
    """Update the files of a language. Removed translations are printed."""
    catalog = read(file) if file.exists() else Catalog()
    gone = set(stale(catalog))
    for key, text in translations(catalog).items():
        if key in gone:
            sys.stdout.write(f"{file.relative_to(ROOT)}: gone: {key!r}: {text!r}\n")
    write(file, updated(catalog, file.parent.parent.name))


def report() -> int:
    """Print missing, stale and uncompiled texts of each language; returns their number."""
    count = 0
    for language, file in catalogs().items():
        catalog = read(file)
        problems = [("missing", repr(key)) for key in missing(catalog)]
        problems += [("stale", repr(key)) for key in stale(catalog)]
        if compiled(file) != translations(catalog):
            problems.append(("not compiled", "run python docs/texts.py --update"))
        count += len(problems)
        sys.stdout.write("".join(f"{language}: {kind}: {what}\n" for kind, what in problems))
    return count


def run() -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="update and compile the catalogs")
    parser.add_argument("--add", metavar="LANGUAGE", help="begin the catalog of a new language, such as fr or pt_BR")
    chosen = parser.parse_args()
    if chosen.add:
        update(LOCALE / chosen.add / "LC_MESSAGES" / "labctl.po")
    elif chosen.update:
        for file in catalogs().values():
            update(file)
    return 1 if report() else 0


if __name__ == "__main__":
    sys.exit(run())
