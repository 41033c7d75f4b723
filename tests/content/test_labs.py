"""Every lab of the catalog, proven by ``labctl test-lab``: files, fresh boxes, solutions, mutants, reboots, reset.

What runs here is a part of the whole: one seed, one mutant of each task, of three labs none. All of it takes over an
hour; LABCTL_PROOF has the options for it:
LABCTL_PROOF='--seeds 2 --repeat 10 --thorough' pytest tests/content/test_labs.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rig import Labctl

from labctl.adapters.catalog import FileCatalog

pytestmark = pytest.mark.engine

NO_MUTANTS = ["lint", "fresh", "solutions", "reboot", "reset"]
PHASES = dict.fromkeys(("lnmp", "mongodb-sharding", "mysql"), NO_MUTANTS)
"""Of these labs, what runs where LABCTL_PROOF doesn't say otherwise: to judge a mutant of theirs takes ten seconds and
more, of nine mongod in each of two clones a minute."""

OPTIONS = os.environ.get("LABCTL_PROOF", "--seeds 1 --repeat 1 --mutants 1").split()


@pytest.mark.parametrize("name", FileCatalog().names())
def test_the_lab_is_proven(name: str, tmp_path: Path) -> None:
    only = [] if "LABCTL_PROOF" in os.environ else [f"--only={phase}" for phase in PHASES.get(name, ())]
    done = Labctl(tmp_path, "author").run("test-lab", name, *OPTIONS, *only, "--json", code=None, timeout=3600)
    assert done.returncode in (0, 1, 6), done.stderr
    proof = json.loads(done.stdout)
    assert proof["flaws"] == []
    assert (done.returncode, proof["verdict"]) == (0, "passed")
    (lab,) = proof["labs"]
    assert all(not seed["flaws"] for seed in lab["seeds"])
    assert lab["flakes"]["differing"] == 0
    assert only or all(mutant["caught"] for mutant in lab["mutants"])
