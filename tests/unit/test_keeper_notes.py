"""The keeper's notes on boxes: repeated at intervals, never lost, in two languages, and read back by labctl."""

from __future__ import annotations

import json
import string
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters.docker.notes import notes_in
from labctl.cli.ui import note_text
from labctl.domain import wiring
from labctl.domain.notes import STOPPED, BoxNote, Kind, latest, note_from, timely
from labctl.keeper import messages
from labctl.keeper.engine import Container
from labctl.keeper.notes import HOUR, NoteTeller, Voice

BOX = Container("id1", 7, {wiring.LABEL_INSTANCE: "pond.lucy", wiring.LABEL_BOX: "master"}, running=True)
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "started")


class FakeTerminals:
    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, box: Container, text: str) -> None:
        self.written.append(text)


class World:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.terminals = FakeTerminals()
        self.notes = NoteTeller(Voice(self.lines.append), self.terminals)

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def read(self) -> list[BoxNote]:
        return list(notes_in("".join(self.lines).encode()))


@pytest.fixture
def world() -> World:
    return World()


def test_labctl_reads_the_keepers_notes(world: World) -> None:
    world.notes.tell(BOX, "disk", 1000.0, used=3 << 30, limit=2 << 30)
    world.notes.tell(BOX, "cpu", 1001.5)
    assert world.read() == [
        BoxNote(1000.0, "id1", "pond.lucy", "master", "disk", used=3 << 30, limit=2 << 30),
        BoxNote(1001.5, "id1", "pond.lucy", "master", "cpu"),
    ]


def test_a_note_is_not_mistaken_for_the_state_of_a_box(world: World) -> None:
    """The code that waits for a box to start looks for ``box`` and ``state``."""
    world.notes.tell(BOX, "cpu", 1000.0)
    assert not {"box", "state"} & world.said[0].keys()


def test_a_note_is_repeated_hourly_and_after_a_restart(world: World) -> None:
    for now in (0.0, 10.0, HOUR - 1):
        world.notes.tell(BOX, "pids", 1000.0 + now, limit=5)
    world.notes.tell(BOX, "memory", 1000.0, limit=5)
    assert [line["note"] for line in world.said] == ["pids", "memory"]
    world.notes.tell(BOX, "pids", 1000.0 + HOUR, limit=5)
    world.notes.started(BOX.id, BOX.labels, 5000.0)
    world.notes.tell(BOX, "pids", 5001.0, limit=5)
    assert [line["note"] for line in world.said] == ["pids", "memory", "pids", "started", "pids"]
    assert len(world.terminals.written) == 4


def test_a_start_is_noted_only_if_the_box_has_notes(world: World) -> None:
    world.notes.started(BOX.id, BOX.labels, 5000.0)
    assert not world.said


def test_nothing_is_written_to_terminals_of_a_stopped_box(world: World) -> None:
    world.notes.tell(Container("id1", 0, BOX.labels), "idle", 1000.0)
    assert world.read() and not world.terminals.written


def test_notes_are_repeated_before_the_log_drops_them(world: World) -> None:
    voice = Voice(world.lines.append)
    notes = NoteTeller(voice, world.terminals)
    notes.tell(BOX, "disk", 1000.0, used=2, limit=1)
    notes.tell(Container("gone", 7, BOX.labels), "disk", 1000.0, used=2, limit=1)
    notes.forget("gone")
    for _ in range(20_000):
        voice.say({"box": "b" * 64, "pid": 1, "state": "ready"})
    # The engine keeps one or two megabytes of the keeper's output.
    tail = "".join(world.lines)[-(1 << 20) :].encode()
    assert {note.box_id for note in notes_in(tail)} == {"id1"}
    assert len("".join(world.lines)) < 20_000 * 120


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_note_has_its_text(world: World, kind: Kind) -> None:
    note = BoxNote(1000.0, "id1", "pond.lucy", "master", kind, used=5 << 20, limit=4 << 20, minutes=10)
    assert "master" in note_text.text_of(note)
    written = messages.text(kind, {"used": 5 << 20, "limit": 4 << 20, "minutes": 10})
    if kind == "idle":
        assert not written  # nobody is present to read it
        return
    english, chinese = written.split("\n")
    assert set(english) <= set(string.printable) and len(english) < 160
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert "{" not in written


def test_counts_are_not_formatted_as_sizes() -> None:
    assert "(256)" in messages.text("pids", {"limit": 256}) and "（256）" in messages.text("pids", {"limit": 256})
    assert "256 MiB" in messages.text("memory", {"limit": 256 << 20})
    note = BoxNote(0.0, "i", "p", "master", "pids", limit=2048)
    assert "(2048)" in note_text.text_of(note)


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10 << 20, "10 MiB"),
        (3 << 29, "1.5 GiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_sizes_are_short(count: int, shown: str) -> None:
    assert messages.size(count) == note_text.size(count) == shown


@pytest.mark.parametrize(
    "line",
    [
        b'{"note":"later-invention","id":"i","instance":"p","name":"b","at":1}',
        b'{"note":"cpu"}',
        b'{"note":"cpu","id":5,"instance":"p","name":"b","at":1}',
        b'{"note":"disk","id":"i","instance":"p","name":"b","at":1,"values":{"used":"much"}}',
        b'{"note":"cpu","id":"i"',
        b'{"note":\xff',
        b'{"box":"i","state":"ready"}',
        b"Traceback (most recent call last):",
        b"",
    ],
)
def test_a_line_that_is_no_note_is_skipped(line: bytes) -> None:
    assert not list(notes_in(line + b"\n"))


def test_unknown_values_of_later_versions_are_skipped() -> None:
    said = {"note": "cpu", "id": "i", "instance": "p", "name": "b", "at": 1, "values": {"watts": 5}}
    assert note_from(said) == BoxNote(1.0, "i", "p", "b", "cpu")


def note(kind: Kind, at: float, box: str = "id1") -> BoxNote:
    return BoxNote(at, box, "pond.lucy", "master", kind)


NOTES = st.lists(st.builds(note, st.sampled_from(get_args(Kind)), st.integers(0, 50).map(float), st.sampled_from("ab")))


@given(NOTES)
def test_the_latest_note_of_each_kind_since_the_last_start_is_kept(notes: list[BoxNote]) -> None:
    found = latest(notes)
    assert found == sorted(found, key=lambda each: each.at)
    assert len({(each.box_id, each.kind) for each in found}) == len(found)
    for each in found:
        assert not any(
            other.box_id == each.box_id and other.kind in (each.kind, "started") and other.at > each.at
            for other in notes
        )
    assert latest(found) == found


def test_a_stopped_box_shows_its_reason_and_a_running_box_recent_notes() -> None:
    notes = [
        note("cpu", 10.0),
        note("idle", 20.0),
        note("disk", 30.0),
        note("memory", 990.0),
        note("pids", 995.0, "else"),
    ]
    assert timely(notes, {"id1": False}, 1000.0) == [note("disk", 30.0)]
    assert timely(notes, {"id1": True}, 1000.0) == [note("memory", 990.0)]
    assert timely([note("cpu", 10.0)], {"id1": False}, 1000.0) == []


def test_a_box_that_its_learner_stopped_after_a_start_shows_no_reason() -> None:
    assert timely([note("disk", 30.0), note("started", 40.0)], {"id1": False}, 1000.0) == []


def test_a_note_that_time_ends_soon_is_shown_once_for_all_boxes() -> None:
    both = [note("ending", 1.0, "a"), note("ending", 1.0, "b"), note("cpu", 1.0, "a"), note("cpu", 1.0, "b")]
    assert len(note_text.lines(both)) == 3
    assert "ending" not in STOPPED
