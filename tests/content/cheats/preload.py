"""A shared library for /etc/ld.so.preload, built byte by byte. It prints the answer that a grader expects, and ends the
program that loads the library. The format is ELF for x86-64, see elf(5)."""

from __future__ import annotations

import struct

_BASE = 0x1000


def library(text: bytes) -> bytes:
    """The library's bytes. A program that loads the library writes ``text`` to stdout and exits with 0."""
    message = 0x1100
    code = b"".join(
        (
            b"\xb8\x01\x00\x00\x00",  # mov eax, 1 (write)
            b"\xbf\x01\x00\x00\x00",  # mov edi, 1
            b"\x48\x8d\x35" + struct.pack("<i", message - (_BASE + 17)),  # lea rsi, [rip + message]
            b"\xba" + struct.pack("<I", len(text)),  # mov edx, length
            b"\x0f\x05",  # syscall
            b"\xb8\xe7\x00\x00\x00",  # mov eax, 231 (exit_group)
            b"\x31\xff",  # xor edi, edi
            b"\x0f\x05",
        )
    )
    dynamic, strings, symbols = 0x2000, 0x2100, 0x2200
    entries = [(12, _BASE), (5, strings), (6, symbols), (10, 1), (11, 24), (0, 0)]  # INIT STRTAB SYMTAB STRSZ SYMENT
    size = 0x2300
    headers = [
        struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, size, size, 0x1000),  # PT_LOAD, all of it
        struct.pack(
            "<IIQQQQQQ", 2, 6, dynamic, dynamic, dynamic, 16 * len(entries), 16 * len(entries), 8
        ),  # PT_DYNAMIC
        struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16),  # PT_GNU_STACK, not executable
    ]
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(headers), 64, 0, 0
    )
    image = bytearray(size)
    image[0 : len(head)] = head
    image[64 : 64 + 56 * len(headers)] = b"".join(headers)
    image[_BASE : _BASE + len(code)] = code
    image[message : message + len(text)] = text
    image[dynamic : dynamic + 16 * len(entries)] = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    return bytes(image)
