"""The stand-in for mongos: the values that it computes itself."""

from __future__ import annotations

import datetime
import socket
import struct
import sys
from pathlib import Path

import bson
import pytest

FOLDER = Path(__file__).parents[2] / "images/mongodb/files/mongos/usr/lib/mongos-stand-in"
sys.path.insert(0, str(FOLDER))

from standin import access, cluster, options, wire  # type: ignore[import-not-found]  # noqa: E402


# As mongod 6.0.5 stored them in a hashed index.
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (7, 9174449368162552349),
        (7.9, 9174449368162552349),
        (-3, -8041831605014284334),
        (bson.Int64(2**40), -7760001454274422498),
        ("beat1", 7743993929643657696),
        (None, 2338878944348059895),
        (True, 6405873908747105701),
        (datetime.datetime(2024, 5, 5, tzinfo=datetime.UTC), -1296376783658219497),
        (bson.ObjectId("6b0358e202762ab804f2c9ee"), 8303236715350718463),
    ],
)
def test_values_are_hashed_as_mongodb_does(value: object, found: int) -> None:
    assert int(cluster.hashed(value)) == found


def test_command_line_options_override_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mongos.conf"
    file.write_text("sharding:\n  configDB: cfg/a:1,b:2\nnet:\n  port: 27017\n  bindIp: localhost,router\n")
    said = options.parse(["--config", str(file), "--port", "27100"])
    assert (said["configdb"], said["port"], said["bind_ip"]) == ("cfg/a:1,b:2", "27100", "localhost,router")
    assert options.nested(said)["sharding"] == {"configDB": "cfg/a:1,b:2"}


@pytest.mark.parametrize("text", ["net:\n  prot: 1\n", "- a\n", "net: [\n"])
def test_a_file_that_mongos_would_refuse_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mongos.conf"
    file.write_text(text)
    with pytest.raises(options.WrongOptionError):
        options.parse(["--config", str(file)])


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("c2VjcmV0\nc2VjcmV0\n")
    file.chmod(0o644)
    with pytest.raises(options.WrongOptionError, match="too open"):
        options.key(str(file))
    file.chmod(0o400)
    assert options.key(str(file)) == "c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize(
    ("resource", "db", "collection", "whole", "covered"),
    [
        ({"db": "shop", "collection": ""}, "shop", "orders", False, True),
        ({"db": "shop", "collection": ""}, "mall", "orders", False, False),
        ({"db": "shop", "collection": "orders"}, "shop", "people", False, False),
        ({"db": "", "collection": ""}, "shop", "orders", False, True),
        ({"db": "", "collection": ""}, "config", "shards", False, False),
        ({"db": "admin", "collection": ""}, "admin", "system.users", False, False),
        ({"cluster": True}, "admin", "", True, True),
        ({"cluster": True}, "shop", "orders", False, False),
        ({"anyResource": True}, "config", "shards", False, True),
    ],
)
def test_a_privilege_covers_its_resources_only(
    resource: dict[str, object], db: str, collection: str, whole: bool, covered: bool
) -> None:
    assert access._covers(resource, db, collection, whole) is covered


def test_a_message_of_two_sections_is_one_command() -> None:
    here, there = socket.socketpair()
    body = bson.encode({"insert": "orders", "$db": "shop"})
    documents = bson.encode({"_id": 1}) + bson.encode({"_id": 2})
    section = struct.pack("<i", 4 + len(b"documents\0") + len(documents)) + b"documents\0" + documents
    data = struct.pack("<I", 0) + b"\0" + body + b"\1" + section
    here.sendall(struct.pack("<iiii", 16 + len(data), 7, 0, wire.OP_MSG) + data)
    request = wire.read_request(there)
    assert (request.number, request.body["insert"], [one["_id"] for one in request.body["documents"]]) == (
        7,
        "orders",
        [1, 2],
    )
    wire.send_reply(there, request, {"ok": 1.0})
    size, _, answered, code = struct.unpack("<iiii", here.recv(16))
    assert (answered, code) == (7, wire.OP_MSG)
    assert bson.decode(here.recv(size - 16)[5:]) == {"ok": 1.0}
    here.close()
    there.close()


def test_another_protocol_is_refused() -> None:
    here, there = socket.socketpair()
    here.sendall(b"GET / HTTP/1.1\r\nHost: router\r\n\r\n")
    with pytest.raises(wire.BrokenError):
        wire.read_request(there)
    here.close()
    there.close()
