"""A client of Redis and Sentinel: RESP2, as https://redis.io/docs/latest/develop/reference/protocol-spec/ describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.kit.wire.base import MOST, Line, WireClient
from labctl.kit.wire.errors import DeniedError, WireError, garbage, refusal, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labctl.kit.places import Place

DEPTH = 32
"""The deepest list in an answer. Those of Redis' own commands have fewer than ten levels."""


class RedisRefusal(str):
    """An error that Redis answered, such as NOAUTH: a value, because many checks ask for it."""

    __slots__ = ()

    @property
    def code(self) -> str:
        """The first word.

        >>> RedisRefusal("NOPERM this user has no permissions").code
        'NOPERM'
        """
        return self.partition(" ")[0]


class Redis(WireClient):
    """One connection to Redis. With a password, it logs in first: as ``user``, or as the default user.

    Answers are str, int, None and lists of them. Bytes that are not UTF-8 become replacement characters, except with
    ``raw``, which gives strings as bytes.
    """

    protocol = "Redis"

    def __init__(
        self,
        place: Place,
        host: str,
        port: int = 6379,
        *,
        password: str = "",
        user: str = "",
        raw: bool = False,
        tls: bool = False,
        ca: str = "",
        name: str = "",
        seconds: float = 5.0,
        most: int = MOST,
    ) -> None:
        super().__init__(place, host, port, tls=tls, ca=ca, name=name, seconds=seconds, most=most)
        self._login = (user, password) if user else (password,) if password else ()
        self._raw = raw
        self._channels: tuple[str, ...] = ()

    def ask(self, *words: object) -> Any:
        """Send a command, and return its answer. An error that Redis answers is a RedisRefusal."""
        return self.pipeline([words])[0]

    def need(self, *words: object) -> Any:
        """Send a command, and return its answer. Raises WireError if Redis answers with an error."""
        answer = self.ask(*words)
        if isinstance(answer, RedisRefusal):
            raise refusal("Redis", text_of(answer, 120))
        return answer

    def pipeline(self, commands: Iterable[Sequence[object]]) -> list[Any]:
        """Send several commands at once, and return their answers in this order."""
        sent = [_command(words) for words in commands]
        with self._talk(self._seconds) as line:
            line.sendall(b"".join(sent))
            return [self._answer(line) for _ in sent]

    def subscribe(self, *channels: str) -> None:
        """Subscribe to channels. ``receive`` then gives their messages."""
        sent = _command(("SUBSCRIBE", *channels))
        with self._talk(self._seconds) as line:
            line.sendall(sent)
            for _ in channels:
                if isinstance(answer := self._answer(line), RedisRefusal):
                    raise refusal("Redis", text_of(answer, 120))
        self._channels = channels

    def receive(self, seconds: float) -> Any:
        """Return the next message that Redis sends by itself, as ["message", channel, text], or None if there is none
        within ``seconds``. The connection stays open."""
        if not self._channels:
            raise ValueError("subscribe comes first")
        if self._line is None:  # it closed after an error
            self.subscribe(*self._channels)
        with self._talk(seconds) as line:
            try:
                line.reader.peek(1)
            except WireError as error:
                if error.kind == "no answer":
                    return None
                raise
            return self._answer(line)

    def info(self, section: str = "") -> dict[str, str]:
        """Return the fields of INFO. Raises WireError if Redis refuses it."""
        told = self.need("INFO", *([section] if section else []))
        pairs = (line.partition(":") for line in str(told).splitlines() if not line.startswith("#"))
        return {name: value for name, sign, value in pairs if sign}

    def _greet(self, line: Line) -> None:
        if self._login:
            line.sendall(_command(("AUTH", *self._login)))
            answer = self._answer(line)
            if isinstance(answer, RedisRefusal):
                raise DeniedError(text_of(answer, 120))
            if answer not in ("OK", b"OK"):
                raise garbage(self.protocol, line.beginning)

    def _answer(self, line: Line, depth: int = 0) -> Any:
        head = line.line()
        kind, rest = head[:1], head[1:]
        if kind == b"+":
            return self._text(rest)
        if kind == b"-":
            return RedisRefusal(rest.decode(errors="replace"))
        if kind not in (b":", b"$", b"*"):
            raise garbage(self.protocol, head)
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return None
        if kind == b"$":
            data = line.exactly(number + 2)
            if data[-2:] != b"\r\n":
                raise garbage(self.protocol, line.beginning)
            return self._text(data[:-2])
        if depth >= DEPTH:
            raise garbage(self.protocol, line.beginning)
        return [self._answer(line, depth + 1) for _ in range(number)]

    def _text(self, data: bytes) -> str | bytes:
        return data if self._raw else data.decode(errors="replace")


def _command(words: Sequence[object]) -> bytes:
    """Return a command as Redis reads it."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
