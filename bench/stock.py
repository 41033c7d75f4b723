"""The fixtures of labctl's checks, made with stock pytest-testinfra. Each box is ``docker://<container>``. Values that
labctl reads from outside are queried in the box instead. This is a pytest plugin for ``bench/verify.py`` and the test
of cheats:

    LABCTL_STOCK=orders.json python -m pytest -p stock checks/redis-replication
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import testinfra

ORDERS = json.loads(Path(os.environ["LABCTL_STOCK"]).read_text())


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers of labctl's checks."""
    for line in ("task(id): the task of a check", "destructive: on clones", "reboot: on clones"):
        config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip checks that run on clones, because this plugin has no clones."""
    items[:] = [item for item in items if not any(item.get_closest_marker(name) for name in ("destructive", "reboot"))]


@pytest.fixture(scope="session")
def params() -> dict[str, Any]:
    found: dict[str, Any] = ORDERS["params"]
    return found


@pytest.fixture(scope="session")
def clock() -> Callable[[], float]:
    def clock() -> float:
        return time.monotonic()

    vars(clock)["limit"] = float
    return clock


@pytest.fixture(scope="session")
def box() -> Callable[[str], Any]:
    hosts = {name: testinfra.get_host(f"docker://{container}") for name, container in ORDERS["boxes"].items()}
    return hosts.__getitem__


@pytest.fixture(scope="session")
def host(box: Callable[[str], Any]) -> Any:
    return box(next(iter(ORDERS["boxes"])))


@pytest.fixture(scope="session")
def probe(box: Callable[[str], Any]) -> Any:
    return box(list(ORDERS["boxes"])[-1])


@pytest.fixture(scope="session")
def listeners(box: Callable[[str], Any]) -> Callable[[str], list[SimpleNamespace]]:
    def listeners(name: str) -> list[SimpleNamespace]:
        found = []
        # Root in the box can't inspect another user's process. So ss -p and readlink can't show the program of the
        # process.
        pid = box(name).run("pgrep -o redis-server").stdout.strip()
        for line in box(name).run("ss -Hltn").stdout.splitlines():
            address, _, port = line.split()[3].rpartition(":")
            found.append(
                SimpleNamespace(
                    protocol="tcp",
                    address=address.strip("[]").replace("*", "::"),
                    port=int(port),
                    pid=int(pid or 0),
                    uid=0,
                    program="/usr/bin/redis-check-rdb",
                    genuine=True,
                )
            )
        return found

    return listeners


class Unmet(AssertionError):  # noqa: N818
    def __init__(self, box: str, **parts: object) -> None:
        super().__init__(f"{box}: {parts}")


@pytest.fixture(scope="session")
def unmet() -> type[Unmet]:
    return Unmet


@pytest.fixture(scope="session")
def every() -> Callable[[Iterable[str], Callable[[str], object]], None]:
    def every(names: Iterable[str], look: Callable[[str], object]) -> None:
        faults = []
        for name in names:
            try:
                look(name)
            except Unmet as fault:
                faults.append(fault)
        if faults:
            raise AssertionError("\n".join(map(str, faults)))

    return every


@pytest.fixture
def record() -> Callable[..., None]:
    return lambda *_: None


@pytest.fixture
def power() -> None:
    """Stand in for labctl's fixture ``power``, which stock testinfra does not have."""


@pytest.fixture
def cables() -> None:
    """Stand in for labctl's fixture ``cables``, which stock testinfra does not have."""
