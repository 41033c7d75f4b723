#!/usr/bin/python3 -IS
"""sshd's AuthorizedKeysCommand: queries the broker for the owner of a key, and prints one line for sshd.

Usage: ``keys SOCKET TYPE BASE64``. sshd runs this program for each offered key, under an account without other
permissions. The program imports as few modules as possible. In particular, it does not import ``socket``, which takes
longer to load than all the other modules.
"""

import _socket
import os
import sys

_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """Print a line for sshd and return 0. Print nothing for a key without an owner. Raises OSError if no broker
    answers."""
    path, kind, blob = arguments
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    connection.settimeout(_SECONDS)
    connection.connect(path)
    connection.send(b"\0".join([b"key", os.fsencode(kind), os.fsencode(blob)]))
    os.write(1, connection.recv(65536))
    return 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except (OSError, ValueError) as error:
        os.write(2, f"labctl: the gateway doesn't answer: {error}\n".encode())
        code = 1
    os._exit(code)
