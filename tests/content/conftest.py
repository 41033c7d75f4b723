"""Fixtures: labs that are up, and actions on them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from proving import Bench


@pytest.fixture(scope="module")
def new_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bench]]:
    """Makes a lab that is up and unchanged, by its name."""
    made: list[Bench] = []
    with pytest.MonkeyPatch.context() as environment:

        def new(name: str) -> Bench:
            made.append(Bench(name, tmp_path_factory.mktemp("content"), environment))
            made[-1].labctl.run("up", name, timeout=1200)
            return made[-1]

        yield new
        for bench in made:
            bench.labctl.run("down", bench.name)
