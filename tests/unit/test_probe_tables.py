"""The kernel's tables (proc(5)), on samples of real machines."""

from __future__ import annotations

import sys

import pytest

from labctl.probe.tables import parse_address, parse_code, parse_sockets

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B0A0A0A:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 28011
   1: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 28012
   2: 0B0A0A0A:18EB 0C0A0A0A:9C40 01 00000000:00000000 02:000A7214 00000000   101        0 28013
   3: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 28014
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22210
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 22211
   2: 0000000000000000FFFF00000B0A0A0A:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 22212
"""  # noqa: E501  as the kernel has it
UDP = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  120: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31001
  121: 0100007F:A2C1 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 31002
"""

little = pytest.mark.skipif(sys.byteorder != "little", reason="samples of little-endian machines")


@little
def test_listening_sockets_have_address_port_and_owner() -> None:
    assert parse_sockets("tcp", TCP, "0A") == [
        {"protocol": "tcp", "address": "10.10.10.11", "port": 6379, "uid": 101, "inode": "28011"},
        {"protocol": "tcp", "address": "127.0.0.1", "port": 3306, "uid": 0, "inode": "28012"},
        {"protocol": "tcp", "address": "0.0.0.0", "port": 22, "uid": 0, "inode": "28014"},
    ]


@little
def test_ipv6_sockets_are_reported_as_tcp() -> None:
    found = [(item["protocol"], item["address"], item["port"]) for item in parse_sockets("tcp6", TCP6, "0A")]
    assert found == [("tcp", "::", 22), ("tcp", "::1", 8080), ("tcp", "::ffff:10.10.10.11", 80)] or found == [
        ("tcp", "::", 22),
        ("tcp", "::1", 8080),
        ("tcp", "::ffff:a0a:a0b", 80),
    ]


@little
def test_a_bound_udp_socket_is_listed_and_a_connected_one_is_not() -> None:
    (found,) = parse_sockets("udp", UDP, "07")
    assert (found["protocol"], found["address"], found["port"], found["inode"]) == ("udp", "127.0.0.1", 53, "31001")


@pytest.mark.parametrize("table", ["", "\n", "  sl  local_address\n", "  sl\n   0: short line\n", "x\n" * 5])
def test_an_empty_table_has_no_sockets(table: str) -> None:
    assert parse_sockets("tcp", table, "0A") == []


@pytest.mark.parametrize(
    ("text", "order", "address"),
    [
        ("0100007F", "little", "127.0.0.1"),
        ("7F000001", "big", "127.0.0.1"),
        ("0B0A0A0A", "little", "10.10.10.11"),
        ("00000000", "little", "0.0.0.0"),
        ("00000000000000000000000001000000", "little", "::1"),
        ("00000000000000000000000000000001", "big", "::1"),
        ("B80D0120000000000000000001000000", "little", "2001:db8::1"),
        ("20010DB8000000000000000000000001", "big", "2001:db8::1"),
    ],
)
def test_an_address_is_decoded_in_the_machines_byte_order(text: str, order: str, address: str) -> None:
    assert parse_address(text, order) == address


def mapping(permissions: str, path: str, anonymous: int = 0) -> str:
    """Return a mapping as in smaps (proc_pid_smaps(5))."""
    head = f"55e0c0a00000-55e0c0b00000 {permissions} 00002000 00:2f 1234"
    padded = f"{head}                      {path}" if path else f"{head} "
    return f"{padded}\nSize:               1024 kB\nAnonymous:      {anonymous:8} kB\nVmFlags: rd ex mr mw me sd \n"


def test_only_files_mapped_as_executable_are_listed() -> None:
    smaps = (
        mapping("r--p", "/data") + mapping("r-xp", "/bin/a") + mapping("rw-p", "/bin/a", 8) + mapping("r-xs", "/b c")
    )
    assert parse_code(smaps + mapping("r-xp", "[vdso]") + mapping("rw-p", "[heap]", 64)) == ({"/bin/a", "/b c"}, False)
    assert parse_code("") == (set(), False)


@pytest.mark.parametrize("path", ["", "[heap]", "[stack]", "[anon:vdso]", "[anon:[vdso]]", "anon_inode:x"])
def test_anonymous_code_is_detected_whatever_its_name(path: str) -> None:
    assert parse_code(mapping("rwxp", path)) == (set(), True)


def test_code_overwritten_in_memory_is_detected() -> None:
    assert parse_code(mapping("r-xp", "/bin/a", 4)) == ({"/bin/a"}, True)
    assert parse_code(mapping("r-xp", "[vdso]", 4)) == (set(), True)


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\r", " ", "\t"])
def test_a_path_may_contain_line_separators(end: str) -> None:
    path = f"/lib/libc.so.6{end}0-1 r--p 0 0:0 0 /x"
    assert parse_code(mapping("r-xp", path)) == ({path}, False)
