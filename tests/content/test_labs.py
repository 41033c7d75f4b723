"""Every lab of the catalog passes ``labctl test-lab``: files, fresh boxes, solutions, mutants, reboots, reset.

By default, a part runs here: one seed and one mutant of each task, and no mutant of three labs. The whole proof takes
over an hour; LABCTL_PROOF has its options:
LABCTL_PROOF='--seeds 2 --repeat 10 --thorough' pytest tests/content/test_labs.py
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from rig import Labctl

from labctl.adapters.catalog import FileCatalog

pytestmark = pytest.mark.engine

NO_MUTANTS = ["lint", "fresh", "solutions", "reboot", "reset"]
PHASES = dict.fromkeys(("lnmp", "mongodb-sharding", "mysql"), NO_MUTANTS)
"""Of these labs, what runs where LABCTL_PROOF doesn't say otherwise: to judge a mutant of theirs takes ten seconds and
more, of nine mongod in each of two clones a minute."""

OPTIONS = os.environ.get("LABCTL_PROOF", "--seeds 1 --repeat 1 --mutants 1").split()
LONG = ("mongodb-sharding", "firewall")
TOGETHER = 2
"""Labs: much of a proof is waiting for boxes that start, and for what a service does in its own time."""

Proofs = Mapping[str, Future[subprocess.CompletedProcess[str]]]


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proofs]:
    """The proof of each lab, running or queued."""
    author = Labctl(tmp_path_factory.mktemp("author"), "author")

    def prove(name: str) -> subprocess.CompletedProcess[str]:
        only = [] if "LABCTL_PROOF" in os.environ else [f"--only={phase}" for phase in PHASES.get(name, ())]
        return author.run("test-lab", name, *OPTIONS, *only, "--json", code=None, timeout=3600)

    # The longest proof starts first, so that the others finish while it runs.
    names = sorted(FileCatalog().names(), key=lambda name: (name not in LONG, name))
    with ThreadPoolExecutor(TOGETHER) as pool:
        yield {name: pool.submit(prove, name) for name in names}


@pytest.mark.parametrize("name", FileCatalog().names())
def test_the_lab_passes_test_lab(name: str, proofs: Proofs) -> None:
    done = proofs[name].result()
    assert done.returncode in (0, 1, 6), done.stderr
    proof = json.loads(done.stdout)
    assert proof["flaws"] == []
    assert (done.returncode, proof["verdict"]) == (0, "passed")
    (lab,) = proof["labs"]
    assert all(not seed["flaws"] for seed in lab["seeds"])
    assert lab["flakes"]["differing"] == 0
    without = "LABCTL_PROOF" not in os.environ and name in PHASES
    assert without or all(mutant["caught"] for mutant in lab["mutants"])
