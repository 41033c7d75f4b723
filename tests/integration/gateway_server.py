"""``labctl gateway serve`` with cohorts from a JSON file, for tests that change them while it serves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from labctl.bootstrap import App
from labctl.domain.cohort import Cohort, Happening, Member


class JsonCohorts:
    """What the gateway asks of ports.Cohorts. Happenings go to a file of lines beside it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def _read(self) -> dict[str, Any]:
        return json.loads(self._file.read_text())

    def cohorts(self) -> list[Cohort]:
        return [
            Cohort(name, tuple(item["labs"]), "secret", 0.0, ended=item.get("ended", 0.0))
            for name, item in self._read().items()
        ]

    def cohort(self, name: str) -> Cohort | None:
        return next((item for item in self.cohorts() if item.name == name), None)

    def members(self, cohort: str) -> list[Member]:
        return [Member(id, id, key=key) for id, key in sorted(self._read()[cohort]["members"].items())]

    def member_by_key(self, key: str) -> tuple[Cohort, Member] | None:
        for cohort in self.cohorts():
            for member in self.members(cohort.name):
                if member.key == key and not cohort.ended:
                    return cohort, member
        return None

    def add_happening(self, happening: Happening) -> None:
        with self._file.with_suffix(".happenings").open("a") as file:
            file.write(json.dumps([happening.learner, happening.deed, happening.text]) + "\n")


if __name__ == "__main__":
    COHORTS = JsonCohorts(Path(sys.argv[1]))
    App.cohorts = property(lambda _self: COHORTS)  # type: ignore[assignment,method-assign]
    from labctl.cli.app import run

    run(["gateway", *sys.argv[2:]])
