"""The size of a copy of a box, from the lengths of files. Each file counts once, and weighing takes bounded time."""

from __future__ import annotations

import io
import json
import os
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from labctl.cli.ui.hints import plain
from labctl.domain import wiring
from labctl.domain.weight import MOST, SPARE, Weight, lacking, most, refuse_too_large, too_large
from labctl.errors import EngineError, TooLargeError
from labctl.keeper import hold
from labctl.keeper.engine import Container

SOON = 60.0


def weigh(folder: Path, **bounds: int) -> dict[str, Any]:
    return hold.weigh(str(folder), time.monotonic() + SOON, **bounds)


class TestWeigh:
    def test_holes_of_sparse_files_count_and_the_largest_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "root").mkdir()
        for name, size in {"root/big": 500 << 30, "small": 10}.items():
            with (tmp_path / name).open("wb") as file:
                file.truncate(size)
        found = weigh(tmp_path)
        assert (found["largest"], found["length"], found["whole"]) == ("/root/big", 500 << 30, True)
        assert 500 << 30 < found["size"] < (500 << 30) + 10_000
        assert found["free"] > 0

    def test_sizes_add_up_and_a_hard_linked_file_counts_once(self, tmp_path: Path) -> None:
        for number in range(20):
            with (tmp_path / f"sparse{number}").open("wb") as file:
                file.truncate(1 << 30)
            os.link(tmp_path / f"sparse{number}", tmp_path / f"again{number}")
        assert 20 << 30 < weigh(tmp_path)["size"] < 21 << 30

    def test_links_are_not_followed_and_special_files_have_no_size(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("/usr")
        os.mkfifo(tmp_path / "fifo")
        assert weigh(tmp_path)["size"] < 10_000

    def test_too_many_files_or_too_little_time_makes_a_weight_incomplete(self, tmp_path: Path) -> None:
        for number in range(1100):
            (tmp_path / str(number)).touch()
        assert weigh(tmp_path, most=1000)["whole"] is False
        assert hold.weigh(str(tmp_path), 0.0)["whole"] is False
        assert weigh(tmp_path)["whole"] is True

    def test_nested_folders_are_weighed_to_a_maximum_depth(self, tmp_path: Path) -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        for _ in range(hold._DEEPEST + 2):
            os.mkdir("d", dir_fd=folder)
            inner = os.open("d", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(folder)
        assert weigh(tmp_path)["whole"] is False

    def test_a_folder_with_many_entries_is_weighed_in_little_memory(self, tmp_path: Path) -> None:
        for number in range(2000):
            (tmp_path / f"{number:0200}").mkdir()
        tracemalloc.start()
        try:
            found = weigh(tmp_path)
            most_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert found["whole"] is True and found["size"] >= 2000 * 1024
        assert most_bytes < 2000 * 200 / 4, "the names alone need four times that"

    def test_every_file_of_a_tree_is_counted_once(self, tmp_path: Path) -> None:
        for folder in ("a/b/c", "a/d", "e"):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / "file").write_bytes(b"12345")
        assert weigh(tmp_path)["size"] == (5 + 3) * 1024 + 3 * 5


class FakeEngine:
    """The engine of ``hold``. Boxes in ``standing`` are paused already. ``stopped`` is a box that stops before it can
    be paused. The first ``restless`` pauses fail."""

    def __init__(self, standing: tuple[str, ...] = (), fails: str = "", restless: int = 0, stopped: str = "") -> None:
        self.standing = standing
        self.stopped = stopped
        self.fails = fails
        self.restless = restless
        self.calls: list[str] = []

    def inspect(self, box: str) -> Container:
        return Container(box, 7, {}, running=True, paused=box in self.standing)

    def create_volume(self, _name: str, labels: Mapping[str, str]) -> None:
        self.calls.append(f"mark {labels[wiring.LABEL_BOXES]}")

    def remove_volume(self, _name: str) -> None:
        self.calls.append("no mark")

    def held(self) -> dict[str, Mapping[str, str]]:
        raise NotImplementedError

    def pause(self, box: str) -> bool:
        self.calls.append(f"pause {box}")
        if box == self.fails:
            raise OSError("no such box")
        if self.restless:
            self.restless -= 1
            raise OSError("500 OCI runtime pause failed: unable to freeze")
        return box != self.stopped

    def unpause(self, box: str) -> None:
        self.calls.append(f"unpause {box}")


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    answer, gone_on = capsys.readouterr().out.splitlines()
    assert json.loads(gone_on) == {"gone_on": True}
    return dict(json.loads(answer))


def test_boxes_stay_paused_while_they_are_weighed_until_stdin_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine(standing=("2",), stopped="3")

    def look(_engine: object, box: str, _deadline: float) -> dict[str, int]:
        engine.calls.append(f"weigh {box}")
        return {"size": 7}

    def read(_stdin: int, _size: int) -> bytes:
        engine.calls.append("stdin")
        return b""

    monkeypatch.setattr(hold, "_weight", look)
    monkeypatch.setattr(hold.os, "read", read)
    hold.hold(engine, {"a": "1", "b": "2", "c": "3"})  # type: ignore[arg-type]
    # A box that somebody else paused stays paused, even if this happened at the last moment.
    assert engine.calls[0] == "mark 1 3"
    assert sorted(engine.calls[1:3]) == ["pause 1", "pause 3"]
    assert engine.calls[3:] == ["weigh 1", "weigh 2", "weigh 3", "stdin", "unpause 1", "no mark"]
    assert told(capsys) == {"boxes": {"a": {"size": 7}, "b": {"size": 7}, "c": {"size": 7}}}


def test_the_mark_stays_if_a_box_cannot_be_unpaused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_box: str) -> None:
        raise OSError("timed out")

    engine = FakeEngine()
    monkeypatch.setattr(hold, "_weight", lambda *_: {"size": 1})
    monkeypatch.setattr(hold.os, "read", lambda *_: b"")
    monkeypatch.setattr(engine, "unpause", refuse)
    hold.hold(engine, {"a": "1"})  # type: ignore[arg-type]
    assert engine.calls == ["mark 1", "pause 1"]
    assert "gone_on" not in capsys.readouterr().out


def test_boxes_are_unpaused_if_one_of_them_cannot_be_weighed(capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine(fails="2")
    hold.hold(engine, {"a": "1", "b": "2"})  # type: ignore[arg-type]
    assert sorted(engine.calls[1:3]) == ["pause 1", "pause 2"]
    assert engine.calls[3:] == ["unpause 1", "no mark"]
    assert told(capsys) == {"error": "no such box"}


def test_a_box_that_cannot_be_paused_at_once_is_retried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hold, "_weight", lambda *_: {"size": 1})
    monkeypatch.setattr(hold.os, "read", lambda *_: b"")
    for restless, wanted in ((4, "boxes"), (5, "error")):
        engine = FakeEngine(restless=restless)
        hold.hold(engine, {"a": "1"})  # type: ignore[arg-type]
        assert list(told(capsys)) == [wanted]


def test_boxes_are_unpaused_if_nobody_reads_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    engine = FakeEngine()
    monkeypatch.setattr(hold, "_weight", lambda *_: {"size": 1})
    monkeypatch.setattr(hold.os, "read", lambda *_: b"")
    monkeypatch.setattr(hold.sys, "stdout", Closed())
    hold.hold(engine, {"a": "1"})  # type: ignore[arg-type]
    assert engine.calls[-2:] == ["unpause 1", "no mark"]


class TestLimits:
    def test_a_box_may_be_copied_up_to_twice_its_limit_or_the_default(self) -> None:
        assert most(1 << 30) == 2 << 30
        assert most(0) == MOST
        assert most(0, 5) == 5

    def test_the_total_size_of_a_box_counts(self) -> None:
        assert too_large({"a": Weight(10), "b": Weight(11)}, {"a": 10, "b": 10}) == "b"
        assert too_large({"a": Weight(10)}, {"a": 10}) is None
        assert too_large({"a": Weight(1, whole=False)}, {"a": 10}) == "a"

    def test_all_boxes_together_must_fit_and_leave_free_space(self) -> None:
        assert lacking({"a": Weight(5, free=SPARE + 9), "b": Weight(4, free=SPARE + 9)}) == 0
        assert lacking({"a": Weight(5, free=SPARE + 8), "b": Weight(4, free=SPARE + 8)}) == 1
        assert lacking({"a": Weight(5)}) == 0

    def test_a_too_large_box_is_reported_with_its_largest_file(self) -> None:
        with pytest.raises(TooLargeError) as raised:
            refuse_too_large({"a": Weight(20 << 30, "/root/b\n g", 19 << 30)}, {"a": MOST})
        assert str(raised.value) == (
            "a contains 20.0 GiB, including holes of sparse files; at most 16.0 GiB can be copied for judging; "
            "the largest file is /root/b? g (19.0 GiB)"
        )
        assert plain(raised.value) == "labctl exec a -- ls -lsh '/root/b? g'"
        with pytest.raises(TooLargeError, match="too many files"):
            refuse_too_large({"a": Weight(1, whole=False)}, {"a": MOST})

    def test_a_full_disk_is_an_engine_error(self) -> None:
        with pytest.raises(EngineError, match=r"too little room .* 1.0 GiB more are needed"):
            refuse_too_large({"a": Weight(1 << 30, free=SPARE)}, {"a": MOST})
