"""Every lab of the catalog, proven by ``labctl test-lab`` with all that it looks at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rig import Labctl

from labctl.adapters.catalog import FileCatalog

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("name", FileCatalog().names())
def test_the_lab_is_proven(name: str, tmp_path: Path) -> None:
    done = Labctl(tmp_path, "author").run("test-lab", name, "--thorough", "--json", code=None, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    proof = json.loads(done.stdout)
    assert (proof["verdict"], proof["flaws"]) == ("passed", [])
    (lab,) = proof["labs"]
    assert [seed["flaws"] for seed in lab["seeds"]] == [[], []]
    assert lab["flakes"]["differing"] == 0 and all(mutant["caught"] for mutant in lab["mutants"])
