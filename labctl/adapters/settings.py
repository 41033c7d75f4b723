"""Settings: ``config.toml`` in ``$XDG_CONFIG_HOME/labctl`` (TOML 1.0), overridden by ``LABCTL_<NAME>`` variables.

The variable of ``mirror.registry`` is ``LABCTL_MIRROR_REGISTRY``. In a variable, the items of a list are separated as
in PATH. This module also provides labctl's state folder and the secret for the seeds of learners.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labctl.adapters import toml_text
from labctl.adapters.paths import config_file, state_folder
from labctl.adapters.state_file import made_once
from labctl.domain.nearest import nearest
from labctl.domain.weight import CopySettings
from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.i18n import languages
from labctl.views.host import Setting, SettingSource, SettingValue
from labctl.whole_file import unwritable, write_whole

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


class ImageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``base``: the tag of the image that all images start from."""

    base: str = "debian:bookworm-slim"


class MirrorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mirrors to download from. An empty value stands for the usual source.

    ``registry`` is a host with or without a path, as in an image's name. ``debian`` is the address of a copy of
    ``/debian``. The copy of ``/debian-security`` must be beside that copy. ``pypi`` is the address of a package index,
    and ``npm`` is the address of a registry.
    """

    registry: str = ""
    debian: str = ""
    pypi: str = ""
    npm: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``lang``: one of labctl's languages, or empty for the language of the locale. ``engine``: an address as in
    DOCKER_HOST. ``store``: a URL of PostgreSQL, or empty for an SQLite file. ``catalog``: folders in addition to
    labctl's own catalog."""

    learner: str = ""
    lang: str = ""
    engine: str = ""
    store: str = ""
    catalog: tuple[str, ...] = ()
    image: ImageSettings = ImageSettings()
    mirror: MirrorSettings = MirrorSettings()
    copy: CopySettings = CopySettings()


def _keys(kind: type[msgspec.Struct], prefix: str = "") -> dict[str, type]:
    """Return every key with its type: ``str`` or ``tuple``."""
    found: dict[str, type] = {}
    for field in msgspec.structs.fields(kind):
        default = field.default
        if isinstance(default, msgspec.Struct):
            found |= _keys(type(default), f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = type(default)
    return found


KEYS: Mapping[str, type] = _keys(Settings)
"""All keys, in order, with the type of their value."""


_PASSWORD = re.compile(r"(:)(?!//).*(?=@)|(password=)[^&]*")
"""Matches a password in a URL, also in a URL that is invalid because of a character in its password."""


def state_dir() -> Path:
    """Return the folder of data that labctl can't create again. Create the folder if it is missing."""
    folder = state_folder()
    _make(folder)
    return folder


def load() -> Settings:
    """Return all settings. Raises UsageError for an unknown key or an invalid value. The error names the file or
    variable."""
    data = _read(config_file())
    for key in KEYS:
        variable = _variable(key)
        if variable in os.environ:
            section, name = _place(data, key)
            section[name] = _parsed(key, os.environ[variable])
            _checked(_nested(key, section[name]), variable)
    settings = _checked(data, str(config_file()))
    if not settings.learner:
        settings = msgspec.structs.replace(settings, learner=_default_learner())
    return settings


def listing() -> list[Setting]:
    """Return every setting with its value and its source. A password is never part of the value. Raises UsageError in
    the same cases as ``load``."""
    settings, data = load(), _read(config_file())
    return [Setting(key, _value(settings, key), _source(data, key)) for key in KEYS]


def get(key: str) -> Setting:
    """Return one setting. Raises UsageError for an unknown key, with the nearest key that exists."""
    _known(key)
    return next(setting for setting in listing() if setting.key == key)


def set_(key: str, value: str) -> None:
    """Write a value to the file. In ``value``, the items of a list are separated as in PATH. All other lines and
    comments of the file stay unchanged. Raises UsageError for an unknown key or an invalid value."""
    _known(key)
    _place(_read(config_file()), key)
    parsed = _parsed(key, value)
    _checked(_nested(key, parsed), key)
    _write(toml_text.with_value(_document(), key, parsed))


def unset(key: str) -> None:
    """Remove a value from the file. Also remove the value's table if the table has no other value and no comment.
    Raises UsageError for an unknown key."""
    _known(key)
    section, name = _place(_read(config_file()), key)
    if name not in section:
        return
    _write(toml_text.without_value(_document(), key))


def secret() -> str:
    """Return the secret for the seeds of learners. It has 32 hex digits and is created once. Two processes that create
    it at the same time get the same secret."""
    return made_once(state_dir() / "secret", lambda: secrets.token_hex(16))


def _variable(key: str) -> str:
    return f"LABCTL_{key.replace('.', '_').upper()}"


def _default_learner() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or "learner"


def _known(key: str) -> None:
    if key not in KEYS:
        raise _unknown(key)


def _unknown(key: str) -> UsageError:
    near = nearest(key, KEYS, likeness=0.5)
    return UsageError("there is no setting {key}", hint=Hint.NAME_SETTING, key=key, near=near)


def _place(data: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """Return the table of a key and the key's name in that table. Creates the table if it is missing."""
    table, _, name = key.rpartition(".")
    section = data.setdefault(table, {}) if table else data
    if not isinstance(section, dict):
        raise _not_a_table(str(config_file()), table)
    return section, name


def _not_a_table(where: str, key: str) -> UsageError:
    return UsageError("{where}: {key} must be a table: [{key}]", where=where, key=key)


def _nested(key: str, value: object) -> dict[str, Any]:
    data: dict[str, Any] = {}
    section, name = _place(data, key)
    section[name] = value
    return data


def _parsed(key: str, text: str) -> object:
    return [part for part in text.split(os.pathsep) if part] if KEYS[key] is tuple else text


def _value(settings: Settings, key: str) -> SettingValue:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    if isinstance(value, tuple):
        return value
    return without_password(value) if key == "store" else str(value)


def without_password(url: str) -> str:
    """Return a store's URL without its password."""
    return _PASSWORD.sub(r"\1\2***", url)


def _source(data: Mapping[str, Any], key: str) -> SettingSource:
    if _variable(key) in os.environ:
        return "env"
    table, _, name = key.rpartition(".")
    return "file" if name in (data.get(table, {}) if table else data) else "default"


def _checked(data: Mapping[str, Any], where: str) -> Settings:
    """Convert the data to settings. ``where`` names the file or variable that the data comes from."""
    for table, value in data.items():
        tables = {key.partition(".")[0] for key in KEYS if "." in key}
        if table in tables and not isinstance(value, dict):
            raise _not_a_table(where, table)
        for key in [f"{table}.{name}" for name in value] if isinstance(value, dict) else [table]:
            if key not in KEYS:
                error = _unknown(key)
                values = {**error.values, "where": where}
                raise UsageError("{where}: there is no setting {key}", hint=error.hint, **values)
    try:
        settings = msgspec.convert(data, Settings, strict=True)
    except msgspec.ValidationError as error:
        what, _, path = str(error).replace("`", "").partition(" - at $.")
        raise _faulty(where, path, what) from error
    if settings.lang and settings.lang not in languages():
        what = f"allowed: {', '.join(languages())}, or empty for the language of the locale"
        raise _faulty(where, "lang", what)
    return settings


def _faulty(where: str, key: str, what: str) -> UsageError:
    return UsageError("{where}: {key}: {what}", hint=Hint.SET_OR_UNSET, where=where, key=key, what=what)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError("{file} can't be read: {why}", file=str(file), why=str(error.strerror)) from error
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The message contains the place: "… (at line 3, column 7)".
        raise UsageError("{file} is not TOML: {why}", file=str(file), why=str(error)) from error


def _document() -> TOMLDocument:
    """Return the file as a document that can be edited."""
    from tomlkit.exceptions import TOMLKitError

    file = config_file()
    try:
        return toml_text.parse(file.read_bytes())
    except FileNotFoundError:
        return toml_text.parse(b"")
    except OSError as error:
        raise UsageError("{file} can't be read: {why}", file=str(file), why=str(error.strerror)) from error
    except TOMLKitError as error:
        raise UsageError("{file} is not TOML: {why}", file=str(file), why=str(error)) from error


def _write(document: TOMLDocument) -> None:
    """Write the file atomically."""
    file = config_file()
    _make(file.parent)
    # Other users can't read the file, because a store's URL may contain a password. A symbolic link (dotfiles) stays a
    # link.
    write_whole(file, document.as_string(), 0o600)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
