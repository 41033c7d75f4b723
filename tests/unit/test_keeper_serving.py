"""The keeper after its connection to the engine breaks."""

from __future__ import annotations

import json

import pytest

from labctl.keeper.__main__ import keep_serving
from labctl.keeper.notes import Voice


def served(*ends: OSError) -> tuple[list[str], int]:
    """Return what the keeper reported after connections ended with these errors in turn, and how often it waited."""
    left = list(ends)
    lines: list[str] = []
    pauses: list[float] = []

    def serve() -> None:
        raise left.pop(0)

    with pytest.raises(SystemExit):
        keep_serving(serve, Voice(lines.append), pauses.append)
    assert not left
    return [json.loads(line)["why"] for line in lines], len(pauses)


@pytest.mark.parametrize("end", [ConnectionRefusedError(111, "Connection refused"), FileNotFoundError(2, "no socket")])
def test_the_keeper_ends_if_nobody_listens_on_its_mounted_socket(end: OSError) -> None:
    """With live-restore another daemon leaves the keeper running, and listens on another socket of the same path."""
    said, pauses = served(end)
    assert said == [str(end)] and pauses == 0


def test_the_keeper_reconnects_after_a_broken_connection() -> None:
    said, pauses = served(OSError("the engine closed its events"), TimeoutError("timed out"), ConnectionRefusedError())
    assert len(said) == 3 and pauses == 2
