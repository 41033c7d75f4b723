"""Settings: defaults, the file, the environment, and reports of faults."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labctl.adapters import settings
from labctl.adapters.settings import Setting
from labctl.cli.ui.hints import plain
from labctl.errors import UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for key in settings.KEYS:
        monkeypatch.delenv(f"LABCTL_{key.replace('.', '_').upper()}", raising=False)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def write(home: Path, text: str) -> Path:
    file = home / "config" / "labctl" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def fault(text: str, home: Path) -> UsageError:
    write(home, text)
    with pytest.raises(UsageError) as caught:
        settings.load()
    return caught.value


def test_defaults_are_loaded_without_file_and_variables() -> None:
    found = settings.load()
    assert (found.learner, found.lang, found.catalog) == ("ada", "", ())
    assert found.image.base == "debian:bookworm-slim"
    assert found.mirror.debian == ""


def test_the_default_learner_is_the_user_who_called_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "grace")
    assert settings.load().learner == "grace"
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.delenv("USER")
    assert settings.load().learner == "learner"


def test_the_environment_overrides_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, 'lang = "zh"\ncatalog = ["/x"]\n[mirror]\ndebian = "http://file/debian"\n')
    monkeypatch.setenv("LABCTL_MIRROR_DEBIAN", "http://env/debian")
    monkeypatch.setenv("LABCTL_CATALOG", "/a:/b")
    found = settings.load()
    assert (found.lang, found.mirror.debian, found.catalog) == ("zh", "http://env/debian", ("/a", "/b"))
    sources = {item.key: item.source for item in settings.listing()}
    assert (sources["lang"], sources["mirror.debian"], sources["engine"]) == ("file", "env", "default")


def test_a_setting_can_be_set_read_and_unset(home: Path) -> None:
    settings.set_("mirror.npm", "http://m/npm")
    settings.set_("catalog", "/x:/y")
    assert settings.get("mirror.npm") == Setting("mirror.npm", "http://m/npm", "file")
    assert settings.get("catalog") == Setting("catalog", ("/x", "/y"), "file")
    settings.unset("mirror.npm")
    settings.unset("mirror.npm")
    assert settings.get("mirror.npm").source == "default"
    text = (home / "config" / "labctl" / "config.toml").read_text()
    assert "mirror" not in text
    assert [file.name for file in (home / "config" / "labctl").iterdir()] == ["config.toml"]


_WRITTEN = """\
# Settings of the class room.
learner = "ada"  # that's me

# Where images come from:
[mirror]
# the one in the cellar
debian = "http://cellar/debian"   # fast
registry = ""

npm = "http://cellar/npm"

[image]
base = "debian:bookworm-slim"
# end
"""


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (lambda: settings.set_("learner", "bo"), 'learner = "ada"', 'learner = "bo"'),
        (lambda: settings.set_("mirror.debian", "http://x"), "http://cellar/debian", "http://x"),
        (lambda: settings.set_("mirror.npm", "http://x"), "http://cellar/npm", "http://x"),
        (lambda: settings.set_("image.base", "debian:12"), "debian:bookworm-slim", "debian:12"),
        (lambda: settings.set_("lang", "zh"), "that's me\n", 'that\'s me\nlang = "zh"\n'),
        (lambda: settings.unset("mirror.registry"), 'registry = ""\n', ""),
        (lambda: settings.unset("learner"), 'learner = "ada"  # that\'s me\n', ""),
        (lambda: settings.unset("image.base"), 'base = "debian:bookworm-slim"\n', ""),
    ],
)
def test_set_and_unset_keep_the_text_around_the_setting(
    change: Callable[[], None], before: str, after: str, home: Path
) -> None:
    file = write(home, _WRITTEN)
    change()
    assert file.read_text() == _WRITTEN.replace(before, after)


def test_every_key_can_be_set_and_unset_in_a_file_with_comments(home: Path) -> None:
    file = write(home, _WRITTEN)
    values = {key: "zh" if key == "lang" else "/a:/b" if kind is tuple else "x" for key, kind in settings.KEYS.items()}
    comments = [line for line in _WRITTEN.splitlines() if line.startswith("#")]
    for key, value in values.items():
        if not key.startswith("copy."):
            settings.set_(key, value)
    kept = tomllib.loads(file.read_text())
    assert (kept["catalog"], kept["lang"], kept["mirror"]["pypi"], kept["image"]) == (
        ["/a", "/b"],
        "zh",
        "x",
        {"base": "x"},
    )
    assert [line for line in file.read_text().splitlines() if line.startswith("#")] == comments
    for key in values:
        settings.unset(key)
    assert [line for line in file.read_text().splitlines() if line.startswith("#")] == comments
    assert tomllib.loads(file.read_text()) == {"mirror": {}, "image": {}}


@pytest.mark.parametrize(
    ("text", "key", "wanted"),
    [
        ('mirror.npm = "a" # dotted\nlang = "en"\n', "mirror.npm", {"mirror": {"npm": "b"}, "lang": "en"}),
        ('mirror.npm = "a"\nlang = "en"\n', "mirror.pypi", {"mirror": {"npm": "a", "pypi": "b"}, "lang": "en"}),
        ('mirror = {npm = "a"} # inline\n', "mirror.pypi", {"mirror": {"npm": "a", "pypi": "b"}}),
        ('lang = "en"', "mirror.npm", {"lang": "en", "mirror": {"npm": "b"}}),
        ('[mirror]\nnpm = "a"', "learner", {"mirror": {"npm": "a"}, "learner": "b"}),
        ('lang = "en"\r\n[mirror]\r\nnpm = "a"\r\n', "mirror.npm", {"lang": "en", "mirror": {"npm": "b"}}),
        ('mirror.npm = "a"\nlang = "en"', "learner", {"mirror": {"npm": "a"}, "lang": "en", "learner": "b"}),
        ('mirror.npm = "a"', "learner", {"mirror": {"npm": "a"}, "learner": "b"}),
        ('# head\n[mirror]\n# in\nnpm = "a"', "learner", {"mirror": {"npm": "a"}, "learner": "b"}),
        ("", "mirror.npm", {"mirror": {"npm": "b"}}),
        ("# nothing yet", "learner", {"learner": "b"}),
    ],
)
def test_a_value_can_be_set_in_a_file_of_any_form(text: str, key: str, wanted: dict[str, object], home: Path) -> None:
    file = write(home, text)
    settings.set_(key, "b")
    assert tomllib.loads(file.read_text()) == wanted
    assert [word for word in re.findall(r"# \w+", text) if word not in file.read_text()] == []
    settings.unset(key)
    assert settings.get(key).source == "default"


def test_a_symlinked_file_stays_a_link(home: Path) -> None:
    file = write(home, "")
    elsewhere = home / "dotfiles.toml"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    settings.set_("lang", "en")
    assert file.is_symlink()
    assert elsewhere.read_text() == 'lang = "en"\n'


def test_a_wrong_value_can_be_corrected(home: Path) -> None:
    write(home, 'lang = "fr"\n')
    settings.set_("lang", "en")
    assert settings.load().lang == "en"


def test_the_nearest_setting_is_suggested_for_an_unknown_setting() -> None:
    for action in (settings.get, settings.unset, lambda key: settings.set_(key, "x")):
        with pytest.raises(UsageError) as caught:
            action("mirror.debain")
        assert str(caught.value) == "there is no setting mirror.debain"
        assert plain(caught.value) == ("did you mean mirror.debian? List all settings: labctl config list")


def test_an_invalid_value_is_refused_and_not_stored() -> None:
    with pytest.raises(UsageError, match="lang: allowed: en, zh"):
        settings.set_("lang", "fr")
    assert not settings.config_file().exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lang = = 1", r"config\.toml is not TOML: .*line 1"),
        ('lang = "fr"', r"config\.toml: lang: allowed: en, zh"),
        ('lnag = "en"', r"config\.toml: there is no setting lnag"),
        ("mirror = 3", r"config\.toml: mirror must be a table"),
        ("[lang]\nx = 1", r"config\.toml: there is no setting lang\.x"),
        ("learner = 3", r"config\.toml: learner: Expected str, got int"),
    ],
)
def test_a_fault_in_the_file_is_reported(text: str, said: str, home: Path) -> None:
    error = fault(text, home)
    with pytest.raises(UsageError, match=said):
        raise error


def test_an_invalid_variable_is_reported_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "fr")
    with pytest.raises(UsageError, match="LABCTL_LANG: lang: allowed"):
        settings.load()


def test_the_secret_is_created_once_with_private_permissions(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: settings.secret(), range(16)))
    assert len(made) == 1
    assert len(bytes.fromhex(made.pop())) == 16
    files = list((home / "state" / "labctl").iterdir())
    assert [file.name for file in files] == ["secret"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("postgresql:///labctl", "postgresql:///labctl"),
        ("postgresql://ada@db.example:5432/labctl", "postgresql://ada@db.example:5432/labctl"),
        ("postgresql://ada:s3cret@db.example:5432/labctl", "postgresql://ada:***@db.example:5432/labctl"),
        ("postgresql://ada:s3/cr:e@t?@db.example/labctl", "postgresql://ada:***@db.example/labctl"),
        (
            "postgresql://db/l?user=ada&password=s3cret&sslmode=require",
            "postgresql://db/l?user=ada&password=***&sslmode=require",
        ),
        ("ada:s3cret@db.example/labctl", "ada:***@db.example/labctl"),
    ],
)
def test_the_password_of_the_store_is_never_shown(home: Path, url: str, shown: str) -> None:
    settings.set_("store", url)
    assert settings.load().store == url
    assert settings.get("store").value == shown
    assert shown in [item.value for item in settings.listing()]
    file = home / "config" / "labctl" / "config.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
