"""A client of memcached: its text protocol, as doc/protocol.txt of memcached describes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.kit.wire.base import MOST, Line, WireClient
from labctl.kit.wire.errors import garbage, refusal, text_of

if TYPE_CHECKING:
    from labctl.kit.places import Place


class Memcached(WireClient):
    """One connection to memcached. A key is text without blanks, a value is bytes or text."""

    protocol = "memcached"

    def __init__(self, place: Place, host: str, port: int = 11211, *, seconds: float = 5.0, most: int = MOST) -> None:
        super().__init__(place, host, port, tls=False, ca="", name="", seconds=seconds, most=most)

    def get(self, *keys: str) -> dict[str, bytes]:
        """Return the values of those keys that exist."""
        asked = _line("get", *keys)
        found: dict[str, bytes] = {}
        with self._talk(self._seconds) as line:
            line.sendall(asked)
            while (words := self._words(line)) != ["END"]:
                if len(words) < 4 or words[0] != "VALUE" or words[1] not in keys or not words[3].isdigit():
                    raise garbage(self.protocol, line.beginning)
                data = line.exactly(int(words[3]) + 2)
                if data[-2:] != b"\r\n":
                    raise garbage(self.protocol, line.beginning)
                found[words[1]] = data[:-2]
        return found

    def set(self, key: str, value: bytes | str, *, expires: int = 0) -> bool:
        """Store a value, and return whether memcached says that it did. ``expires`` is in seconds; 0 is never."""
        data = value.encode() if isinstance(value, str) else value
        return self._told(_line("set", key, "0", str(expires), str(len(data))) + data + b"\r\n") == "STORED"

    def delete(self, key: str) -> bool:
        """Delete a key, and return whether it existed."""
        return self._told(_line("delete", key)) == "DELETED"

    def version(self) -> str:
        """Return the server's version."""
        told = self._told(_line("version"))
        if not told.startswith("VERSION "):
            self.close()
            raise garbage(self.protocol, told.encode())
        return told.removeprefix("VERSION ")

    def stats(self, *about: str) -> dict[str, str]:
        """Return the server's statistics, for example ``curr_connections``. ``about`` may be ``settings``."""
        asked = _line("stats", *about)
        found: dict[str, str] = {}
        with self._talk(self._seconds) as line:
            line.sendall(asked)
            while (words := self._words(line)) != ["END"]:
                if len(words) < 2 or words[0] != "STAT":
                    raise garbage(self.protocol, line.beginning)
                found[words[1]] = " ".join(words[2:])
        return found

    def _told(self, asked: bytes) -> str:
        with self._talk(self._seconds) as line:
            line.sendall(asked)
            words = self._words(line)
            if not words or words[0] not in _ANSWERS:
                raise garbage(self.protocol, line.beginning)
            return " ".join(words)

    def _words(self, line: Line) -> list[str]:
        """Return the words of the next line. Raises WireError if it is an error of the server."""
        text = line.line().decode(errors="replace")
        if re.match(r"(ERROR$|CLIENT_ERROR |SERVER_ERROR )", text):
            # After an error it is open which bytes the server takes for the next command.
            self.close()
            raise refusal(self.protocol, text_of(text, 120))
        return text.split(" ")


_ANSWERS = {"STORED", "NOT_STORED", "DELETED", "NOT_FOUND", "EXISTS", "VERSION", "OK"}


def _line(*words: str) -> bytes:
    """Return a command. Raises ValueError for words that would become several."""
    for word in words:
        if not word or len(word) > 250 or re.search(r"[\s\x00-\x1f\x7f]", word):
            raise ValueError(f"not a key or word of memcached: {word!r}")
    return " ".join(words).encode() + b"\r\n"
