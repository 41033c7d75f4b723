#!/usr/bin/python3 -IS
"""The login shell of the gateway's account. It is not a real shell: it passes its terminal to the broker and waits.

sshd calls ``login -c 'SOCKET TICKET'``, the forced command that the broker created for this login. The learner's
command is in SSH_ORIGINAL_COMMAND. This program imports as few modules as possible, because a hundred learners may log
in at the same moment. ``socket`` takes longer to load than all the other modules.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import os
import select
import sys

_SECONDS = 60.0
_MOST = 4097
_VALUES = ("SSH_ORIGINAL_COMMAND", "TERM", "LC_ALL", "LC_MESSAGES", "LANG", "SSH_CONNECTION")
_CLOSED = {
    "en": "labctl: the gateway is not running at the moment; tell your instructor",
    "zh": "labctl：网关目前没有运行，请告诉老师",
}


def _connect(path: str, ticket: str) -> _socket.socket:
    """Connect to the broker and pass it this program's stdin, stdout and stderr."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    connection.settimeout(_SECONDS)
    connection.connect(path)
    values = [os.environb.get(name.encode(), b"")[:_MOST] for name in _VALUES]
    descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    hello = b"\0".join([b"session", os.fsencode(ticket), *values])
    connection.sendmsg([hello], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
    connection.settimeout(None)
    return connection


def _pass_on(connection: _socket.socket, letter: bytes) -> "object":
    def send(*_: object) -> None:
        try:  # contextlib takes time to load
            connection.send(letter)
        except OSError:
            return  # the broker has ended, so this program ends soon

    return send


def main(arguments: "list[str]") -> int:
    """Return the exit code that the broker sends. Raises OSError if there is no broker."""
    words = arguments[1].split(" ") if len(arguments) == 2 and arguments[0] == "-c" else []
    if len(words) != 2:
        raise OSError("not called by the gateway's forced command")
    connection = _connect(*words)
    _signal.signal(_signal.SIGINT, _pass_on(connection, b"I"))
    _signal.signal(_signal.SIGWINCH, _pass_on(connection, b"W"))
    for number in (_signal.SIGQUIT, _signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU):
        _signal.signal(number, _signal.SIG_IGN)
    # Without a terminal, sshd sends no signal if the learner's client ends. Only stdout shows that the client has
    # ended.
    events = select.poll()
    events.register(connection, select.POLLIN)
    events.register(1, 0)
    while all(descriptor != connection.fileno() for descriptor, _event in events.poll()):
        if not os.isatty(1):
            return 255
    answer = connection.recv(65536)
    if not answer:
        raise OSError("the broker ended")
    if answer[1:]:
        os.write(2, answer[1:])
    return answer[0]


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except OSError:
        code = 255
        sys.stderr.write(_CLOSED["zh" if os.environ.get("LANG", "").startswith("zh") else "en"] + "\n")
    os._exit(code)
