"""What all clients share: a connection with a deadline and a limit."""

from __future__ import annotations

import errno
import io
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labctl.kit import say
from labctl.kit.wire.errors import WireError, garbage, hung_up, no_answer, tls_failed

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from _typeshed import ReadableBuffer, WriteableBuffer

    from labctl.kit.places import Place

MOST = 16 * 2**20
"""The default limit of an answer, in bytes."""

_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EPERM, errno.EACCES}
_HANGS_UP = {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN, errno.EPROTO}


def trusting(ca: str = "") -> ssl.SSLContext:
    """Return the settings of a TLS client. With ``ca`` (PEM), the certificate and its name are verified. Without it,
    every certificate and every cipher is accepted. Raises WireError if ``ca`` has no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the same rules in every version of Python
    if not ca:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        return context
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError, TypeError) as error:  # TypeError: not ASCII
        raise WireError("untrusted", ("the CA's file has no certificate", "CA 文件中没有证书")) from error
    return context


def authority(name: str, port: int, usual: int) -> str:
    """Return a name with the port, as the Host header has it, unless it is the usual port (RFC 9110, 7.2).

    >>> authority("shop.example", 8080, 80)
    'shop.example:8080'
    >>> authority("shop.example:81", 8080, 80)
    'shop.example:81'
    """
    return name if port == usual or ":" in name else f"{name}:{port}"


class StartTls(ssl.SSLContext):
    """Settings of TLS for a library that starts TLS itself, on a Line."""

    settings: ssl.SSLContext
    name: str

    def __new__(cls, settings: ssl.SSLContext, name: str) -> StartTls:
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made.settings, made.name = settings, name
        return made

    def __init__(self, settings: ssl.SSLContext, name: str) -> None:
        """Leave the settings as they are."""

    def wrap_socket(self, sock: Any, *_args: Any, **_options: Any) -> Any:
        """Start TLS on the Line, and return it."""
        sock.secure(self.settings, self.name)
        return sock


class Line:
    """A TCP connection with a deadline and a limit for each answer. It has the methods of a socket that libraries use.

    ``begin`` starts a request. Each operation raises WireError after the deadline, and when the answers of this request
    have more bytes than the limit. ``opening`` is a protocol's name, and the bytes with which each answer begins.
    """

    def __init__(self, sock: socket.socket, place: Place, seconds: float, most: int, spent: float = 0.0) -> None:
        self._sock = sock
        self._place = place
        self._most = most
        self.opening: tuple[str, bytes] | None = None
        self.begin(seconds, spent)
        self.reader = io.BufferedReader(_Reader(self))

    def begin(self, seconds: float, spent: float = 0.0) -> None:
        """Start a request: its deadline is in ``seconds`` of an idle machine, less the real seconds already spent."""
        self._seconds = seconds
        self._ends = time.monotonic() + self._place.limit(seconds) - spent
        self.received = 0
        self.beginning = b""
        self.ended = False

    def recv(self, size: int = 65536) -> bytes:
        """Receive at most ``size`` bytes, or none after the end."""
        room = self._most - self.received
        if room <= 0:
            raise WireError("too much", (f"an answer of more than {self._most} bytes", f"应答超过 {self._most} 字节"))
        with self._errors():
            data = self._sock.recv(min(size, room))
        self.received += len(data)
        self.beginning += data[: max(0, 200 - len(self.beginning))]
        self.ended = not data
        if self.opening and not self._opens():
            raise garbage(self.opening[0], self.beginning)
        return data

    def _opens(self) -> bool:
        """Whether the answer begins as one of the protocol. A server of another one may wait for the client then."""
        start = self.opening[1] if self.opening else b""
        return self.beginning[: len(start)] == start[: len(self.beginning)]

    def recv_into(self, buffer: WriteableBuffer) -> int:
        """Receive bytes into a buffer, and return their number."""
        view = memoryview(buffer)
        data = self.recv(len(view))
        view[: len(data)] = data
        return len(data)

    def sendall(self, data: ReadableBuffer) -> None:
        """Send these bytes."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), 16384):  # TLS has a time limit of its own for each part
            with self._errors():
                self._sock.sendall(view[start : start + 16384])

    def exactly(self, size: int) -> bytes:
        """Receive so many bytes. Raises WireError if the server closes the connection before."""
        if not 0 <= size <= self._most:
            raise WireError("too much", (f"an answer of {size} bytes", f"应答长度为 {size} 字节"))
        data = self.reader.read(size)
        if len(data) < size:
            raise hung_up(self.beginning)
        return data

    def line(self, most: int = 65536) -> bytes:
        """Receive a line, and return it without its end. Raises WireError if it is longer than ``most``."""
        data = self.reader.readline(most)
        if data.endswith(b"\n"):
            return data.removesuffix(b"\n").removesuffix(b"\r")
        if len(data) >= most:
            raise WireError("too much", (f"a line of more than {most} bytes", f"一行超过 {most} 字节"))
        raise hung_up(self.beginning)

    def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Begin TLS. ``name`` is the server's name for SNI and for the certificate, or an IP address."""
        with self._errors():
            self._sock = context.wrap_socket(self._sock, server_hostname=name)

    @property
    def encrypted(self) -> ssl.SSLSocket | None:
        """The TLS connection, or None without TLS."""
        return self._sock if isinstance(self._sock, ssl.SSLSocket) else None

    def waiting(self) -> bool:
        """Whether there are bytes or an end that nobody asked for. A free connection with any of them is of no use."""
        import select

        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def makefile(self, mode: str = "rb", *_args: Any, **_options: Any) -> io.BufferedReader:
        """Return a reader of this connection. Its ``close`` leaves the connection open."""
        if mode not in ("r", "rb"):
            raise ValueError(f"only for reading, not {mode}")
        return io.BufferedReader(_Reader(self))

    def settimeout(self, _seconds: float | None) -> None:
        """Do nothing: the deadline of the request holds."""

    def setsockopt(self, *_option: Any) -> None:
        """Do nothing: the connection has the options that it needs."""

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._late()
        try:
            self._sock.settimeout(left)
            yield
        except TimeoutError as error:
            raise self._late() from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:  # which of the two depends on the Python
            raise hung_up(self.beginning) from error
        except ssl.SSLError as error:
            raise tls_failed(error) from error
        except OSError as error:
            raise hung_up(self.beginning) from error

    def _late(self) -> WireError:
        if not self.received:
            return no_answer(self._seconds)
        within = f"{self._seconds:g}"
        return WireError(
            "late", (f"an answer that was not complete within {within} s", f"应答在 {within} 秒内没有结束")
        )


class _Reader(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._line.recv_into(buffer)


def connected(place: Place, host: str, port: int, seconds: float, most: int = MOST) -> Line:
    """Connect from this place. The deadline of the first request includes the time to connect. Raises WireError."""
    start = time.monotonic()
    try:
        sock = place.dial(host, port, seconds=seconds)
    except TimeoutError as error:
        raise no_answer(seconds) from error
    except ConnectionRefusedError as error:
        raise WireError("refused", say.REFUSED) from error
    except OSError as error:
        # Other errors, such as too many open files, are labctl's own.
        if error.errno in _HANGS_UP:
            raise hung_up() from error
        if error.errno in _NO_ROUTE:
            raise WireError("no route", (f"no route to {host}", f"没有到 {host} 的路由")) from error
        raise
    return Line(sock, place, seconds, most, spent=time.monotonic() - start)


@contextmanager
def spoken(line: Line, protocol: str) -> Iterator[None]:
    """Turn every error of the block, which reads what the server sent, into a WireError. The block must not do
    anything that can fail because of the check's own arguments."""
    try:
        yield
    except WireError:
        raise
    except Exception as error:
        raise (hung_up(line.beginning) if line.ended else garbage(protocol, line.beginning)) from error


class WireClient:
    """A client with one connection. The connection opens at the first request, and closes after an error, so that the
    next request opens a new one. ``with`` closes it at the end."""

    protocol = ""

    def __init__(
        self, place: Place, host: str, port: int, *, tls: bool, ca: str, name: str, seconds: float, most: int
    ) -> None:
        self._place = place
        self._host = host
        self._port = port
        self._tls = trusting(ca) if tls or ca else None
        self._name = name or host
        self._seconds = seconds
        self._most = most
        self._line: Line | None = None

    def __enter__(self) -> Self:
        if self._line is None:
            self._opened()
        return self

    def __exit__(self, kind: object, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _greet(self, line: Line) -> None:
        """Do what comes before the first request: read a greeting, or log in."""

    @contextmanager
    def _talk(self, seconds: float) -> Iterator[Line]:
        """Give the connection for one request, with a deadline. ``seconds`` are those of an idle machine."""
        line = self._line or self._opened()
        line.begin(seconds)
        try:
            with spoken(line, self.protocol):
                yield line
        except BaseException as error:
            if getattr(error, "kind", "") not in ("refusal", "denied"):  # in its protocol: the connection goes on
                self.close()
            raise

    def _opened(self) -> Line:
        self._line = line = connected(self._place, self._host, self._port, self._seconds, self._most)
        try:
            if self._tls is not None:
                line.secure(self._tls, self._name)
            with spoken(line, self.protocol):
                self._greet(line)
        except BaseException:
            self.close()
            raise
        return line
