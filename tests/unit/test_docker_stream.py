"""The engine's frames, wherever the network cuts them (POST /containers/{id}/attach of the Engine API)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters.docker.stream import STDERR, STDOUT, FrameStream, RawStream


class Pieces:
    """Stands in for RawStream: each read returns one piece."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = 65536) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def pending(self) -> bool:
        return False


def frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(data)) + data


def stream_of(pieces: list[bytes], **options: Any) -> FrameStream:
    return FrameStream(Pieces(pieces), **options)  # type: ignore[arg-type]


frames = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=30)), max_size=6)


@given(frames, st.data())
def test_frames_cut_at_any_byte_are_reassembled(sent: list[tuple[int, bytes]], data: st.DataObject) -> None:
    wire = b"".join(frame(kind, body) for kind, body in sent)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(wire) - 1)), max_size=len(wire))))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True) if a < b]
    found = {STDOUT: b"", STDERR: b""}
    for kind, body in stream_of(pieces).frames():
        found[kind] += body
    for kind in found:
        assert found[kind] == b"".join(body for each, body in sent if each == kind)


@given(frames)
def test_read_returns_stdout_and_passes_stderr_to_the_callback(sent: list[tuple[int, bytes]]) -> None:
    errors: list[bytes] = []
    stream = stream_of([frame(kind, body) for kind, body in sent], on_stderr=errors.append)
    output = b""
    while data := stream.read():
        output += data
    assert output == b"".join(body for kind, body in sent if kind == STDOUT)
    assert b"".join(errors) == b"".join(body for kind, body in sent if kind == STDERR)


def test_an_empty_frame_does_not_end_the_stream() -> None:
    stream = stream_of([frame(STDOUT, b"") + frame(STDERR, b"") + frame(STDOUT, b"more")])
    assert stream.read() == b"more"
    assert stream.read() == b""


def test_a_stream_cut_within_a_frame_gives_the_received_bytes() -> None:
    assert stream_of([frame(STDOUT, b"whole")[:-2]]).read() == b"who"
    assert stream_of([frame(STDOUT, b"whole")[:5]]).read() == b""


def test_buffered_data_is_pending() -> None:
    stream = stream_of([frame(STDOUT, b"one") + frame(STDOUT, b"two")])
    assert not stream.pending()
    assert stream.read() == b"one"
    assert stream.pending()
    assert stream.read() == b"two"
    assert not stream.pending()


@pytest.fixture
def pair() -> Iterator[tuple[RawStream, socket.socket]]:
    ours, theirs = socket.socketpair()
    raw = RawStream(ours, b"early", None)
    yield raw, theirs
    raw.close()
    theirs.close()


def test_bytes_that_came_with_the_headers_are_read_first(pair: tuple[RawStream, socket.socket]) -> None:
    raw, theirs = pair
    assert raw.pending()
    theirs.sendall(b"later")
    assert [raw.read(3), raw.read(), raw.read()] == [b"ear", b"ly", b"later"]
    assert not raw.pending()


def test_write_end_closes_one_direction_and_close_ends_the_stream(pair: tuple[RawStream, socket.socket]) -> None:
    raw, theirs = pair
    raw.write(b"question")
    raw.close_write()
    assert theirs.recv(100) + theirs.recv(100) == b"question"
    raw.close()
    raw.close()
    raw.close_write()


def test_a_read_times_out(pair: tuple[RawStream, socket.socket]) -> None:
    raw, _ = pair
    raw.read()
    raw.settimeout(0.01)
    with pytest.raises(TimeoutError):
        raw.read()
