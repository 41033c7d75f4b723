#!/usr/bin/python3 -IS
"""sshd's AuthorizedKeysCommand: asks the broker whose key it is, and prints the one line that sshd wants.

``keys SOCKET TYPE BASE64``. It runs as an account that may do nothing else, once for each key that anybody offers, so
it imports as little as it can: not ``socket``, which takes longer to load than all the rest.
"""

import _socket
import os
import sys

_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """0, and a line for sshd; nothing for a key that opens nothing. Raises OSError where no broker answers."""
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
