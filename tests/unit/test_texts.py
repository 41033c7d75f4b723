"""Every shown text has a translation with the same placeholders, and no translation of a removed text is left."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _texts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_texts", ROOT / "docs" / "texts.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


texts = _texts()
CATALOGS = {language: texts.read(file) for language, file in texts.catalogs().items()}
every_language = pytest.mark.parametrize("language", sorted(CATALOGS))


def test_the_chinese_catalog_exists() -> None:
    assert "zh" in CATALOGS
    assert len(texts.translations(CATALOGS["zh"])) > 1000


@every_language
def test_every_text_has_its_translation(language: str) -> None:
    assert texts.missing(CATALOGS[language]) == [], "translate in labctl.po, then run: python docs/texts.py --update"


@every_language
def test_no_translation_of_a_removed_text_is_left(language: str) -> None:
    assert texts.stale(CATALOGS[language]) == [], "run: python docs/texts.py --update"


@every_language
def test_the_compiled_catalog_matches_the_po_file(language: str) -> None:
    assert texts.compiled(texts.catalogs()[language]) == texts.translations(CATALOGS[language]), (
        "python docs/texts.py --update"
    )


@every_language
def test_no_text_is_in_a_catalog_twice(language: str) -> None:
    written = texts.catalogs()[language].read_text("utf-8")
    assert len(re.findall(r"^msgid ", written, re.MULTILINE)) == len(CATALOGS[language]) + 1  # and the header


@every_language
def test_translations_have_the_same_placeholders(language: str) -> None:
    fields = re.compile(r"\{[^}]*\}")
    other = {
        key: translation
        for key, translation in texts.translations(CATALOGS[language]).items()
        if isinstance(key, str) and sorted(fields.findall(key)) != sorted(fields.findall(translation))
    }
    assert other == {}


@every_language
def test_plural_forms_add_no_placeholders(language: str) -> None:
    plurals = {key: forms for key, forms in texts.translations(CATALOGS[language]).items() if isinstance(key, tuple)}
    assert plurals
    for key, forms in plurals.items():
        for form in forms:
            assert set(re.findall(r"\{(\w+)", form)) <= set(re.findall(r"\{(\w+)", "".join(key)))


@every_language
def test_an_update_changes_only_the_places_of_texts(language: str) -> None:
    catalog = CATALOGS[language]
    assert texts.translations(texts.updated(catalog, language)) == texts.translations(catalog)


def test_marked_and_unmarked_texts_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module.py").write_text(
        '_("marked")\n'
        'raise UsageError("of an error", remedy="its remedy")\n'
        'word = "by name" if x else "or another"\n'
        "StepStarted(1, word)\n"
        'print("not shown")\n'
    )
    monkeypatch.setattr(texts, "ROOT", tmp_path)
    monkeypatch.setattr(texts, "LABCTL", tmp_path)
    assert {text for _where, text in texts._in_code()} == {
        "marked", "of an error", "its remedy", "by name", "or another",
    }  # fmt: skip


def test_a_language_can_be_added_by_a_catalog_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labctl import i18n
    from labctl.cli.i18n import choose_language

    file = tmp_path / "fr" / "LC_MESSAGES" / "labctl.po"
    texts_now = texts.texts()
    monkeypatch.setattr(texts, "texts", lambda: texts_now)
    texts.update(file)
    catalog = texts.read(file)
    assert len(texts.missing(catalog)) > 1000
    catalog["Usage:"].string = "Utilisation :"
    texts.write(file, catalog)

    monkeypatch.setattr(i18n, "LOCALE", str(tmp_path))
    for kept in (i18n.languages, i18n._catalog):
        kept.cache_clear()
    try:
        assert i18n.languages() == ("en", "fr")
        monkeypatch.setenv("LC_ALL", "fr_CA.UTF-8")
        choose_language()
        assert (i18n.language(), i18n._("Usage:"), i18n._("Options")) == ("fr", "Utilisation :", "Options")
    finally:
        monkeypatch.undo()
        for kept in (i18n.languages, i18n._catalog):
            kept.cache_clear()


def test_the_command_for_translators_finds_nothing_to_do() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "texts.py")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
