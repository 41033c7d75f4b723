"""Create a new lab in a catalog from ``labctl/templates``. The lab is small, complete and working, and TODO marks show
the places for the author's own text."""

from __future__ import annotations

import os
import re
from pathlib import Path

from labctl.domain.lab import schema as lab_schema
from labctl.domain.lab.model import NAME_PATTERN
from labctl.errors import RefusedError, UsageError
from labctl.hints import Hint

_TEMPLATES = Path(__file__).parent.parent / "templates"
_ENDING = ".in"


def make(lab: str, catalog: Path) -> list[Path]:
    """Write the lab into that catalog and return its files. Creates the catalog if it does not exist. Raises UsageError
    for an invalid lab name or if a file can't be written, and RefusedError if a file of that lab exists already."""
    if not re.fullmatch(NAME_PATTERN, lab):
        raise UsageError(
            "{lab} is not a valid lab name",
            hint=Hint.LAB_NAME_FORM,
            lab=lab,
        )
    for kind in ("labs", "playbooks", "checks"):
        if os.path.lexists(catalog / kind / lab):
            raise RefusedError(
                "{path} exists already; nothing was written",
                hint=Hint.OTHER_LAB_NAME,
                path=str(catalog / kind / lab),
            )
    written: list[Path] = []
    try:
        schema = _schemas(catalog, written)
        for template in sorted(_TEMPLATES.rglob(f"*{_ENDING}")):
            kind, *rest = template.relative_to(_TEMPLATES).parts
            text = template.read_text("utf-8").replace("@LAB@", lab).replace("@SCHEMA@", schema)
            _write(catalog.joinpath(kind, lab, *rest).with_suffix(""), text, written)
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise UsageError("{path} can't be written: {why}", path=str(error.filename or catalog), why=why) from error
    return written


def _schemas(catalog: Path, written: list[Path]) -> str:
    """Return the path of the schema of lab.yml, relative to the lab's folder. labctl's repository has the schemas in
    its docs. Every other catalog gets copies: the schema of lab.yml beside its labs, that of image.yml beside its
    images."""
    if (catalog / "docs" / lab_schema.FILE).is_file():
        return f"../../docs/{lab_schema.FILE}"
    for file, text in (
        (catalog / "labs" / lab_schema.FILE, lab_schema.schema()),
        (catalog / "images" / lab_schema.IMAGE_FILE, lab_schema.image_schema()),
    ):
        if not file.exists():
            _write(file, text, written)
    return f"../{lab_schema.FILE}"


def _write(file: Path, text: str, written: list[Path]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as opened:
        written.append(file)
        opened.write(text)
