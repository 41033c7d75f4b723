"""Lines and descriptors between labctl and its child, wherever the socket cuts them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters.checks.orders import Checked, Ended, Inside, MessageChannel, Opened, PowerRequest, Said, WantClones
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, CheckResult, Source, Verdict
from labctl.ports import CloneCheck


@pytest.fixture
def pair() -> Iterator[tuple[MessageChannel, socket.socket]]:
    ours, theirs = socket.socketpair()
    link = MessageChannel(ours)
    yield link, theirs
    link.close()
    theirs.close()


lines = st.lists(st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\n", b"-")), max_size=5)


@given(lines, st.data())
def test_lines_cut_at_any_byte_are_read_whole(sent: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(line + b"\n" for line in sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=6)))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        if a < b:
            ours.send(wire[a:b])
    ours.close()
    assert list(MessageChannel(theirs).lines()) == sent
    theirs.close()


def test_an_incomplete_line_is_dropped(pair: tuple[MessageChannel, socket.socket]) -> None:
    link, theirs = pair
    theirs.sendall(b"whole\nhal")
    theirs.close()
    assert [link.line(), link.line(), link.line()] == [b"whole", b"", b""]


def test_a_descriptor_comes_with_its_line(pair: tuple[MessageChannel, socket.socket]) -> None:
    link, theirs = pair
    reader, writer = os.pipe()
    other = MessageChannel(theirs)
    other.send(Opened())
    other.send(Opened("with"), writer)
    other.send(Opened("after"))
    os.close(writer)
    assert [link.line() for _ in range(3)] == [b'{"why":""}', b'{"why":"with"}', b'{"why":"after"}']
    (descriptor,) = link.descriptors
    os.write(descriptor, b"through")
    os.close(descriptor)
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_a_long_line_with_a_descriptor_passes_a_full_socket(pair: tuple[MessageChannel, socket.socket]) -> None:
    link, theirs = pair
    reader, writer = os.pipe()
    long = Opened("x" * (4 << 20))
    sending = threading.Thread(target=MessageChannel(theirs).send, args=(long, writer))
    sending.start()
    assert msgspec.json.decode(link.line(), type=Opened) == long
    sending.join()
    assert len(link.descriptors) == 1
    for descriptor in (reader, writer, link.descriptors.pop()):
        os.close(descriptor)


@pytest.mark.parametrize(
    "said",
    [
        Checked(
            CheckResult(
                "t", "f::n", Verdict.FAILED, "title", "why", 0.5, Source.IN_BOX,
                (Answer(("a",), Text("e", "e"), Text("f", "f"), "see"),), {"port": "1"},
            )
        ),
        WantClones((CloneCheck("n", "t", "title"),)),
        PowerRequest("a", "reboot"),
        Inside("a"),
        Ended(),
    ],
    ids=lambda said: type(said).__name__,
)  # fmt: skip
def test_messages_of_a_child_are_decoded(pair: tuple[MessageChannel, socket.socket], said: Said) -> None:
    link, theirs = pair
    MessageChannel(theirs).send(said)
    assert msgspec.json.decode(link.line(), type=Said) == said


def test_a_closed_peer_is_an_error(pair: tuple[MessageChannel, socket.socket]) -> None:
    link, theirs = pair
    theirs.close()
    assert link.line() == b""
    with pytest.raises(OSError):
        link.send(Opened())
