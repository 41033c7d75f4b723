"""An HTTP/1.1 client that follows no redirect and shows each answer as it is (RFC 9110, RFC 9112)."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import secrets
import string
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

from labctl.kit.wire.base import MOST, Line, authority, connected, spoken, trusting
from labctl.kit.wire.errors import WireError, garbage, text_of

if TYPE_CHECKING:
    from labctl.kit.places import Place

Form = Mapping[str, str]
Files = Mapping[str, tuple[str, bytes]]
"""The files of a form: for each field, the file's name and content."""


class ReplyHeaders(Mapping[str, str]):
    """The headers of a reply. Names are case-insensitive. The values of a repeated header are joined by ", "."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._all: dict[str, list[str]] = {}
        for name, value in pairs:
            self._all.setdefault(name.lower(), []).append(value)

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._all[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def each(self, name: str) -> list[str]:
        """Return the values of a header that may be repeated, such as Set-Cookie."""
        return list(self._all.get(name.lower(), []))


@dataclass(frozen=True)
class HttpReply:
    """An answer of a web server. ``body`` is as it was sent, for example still compressed."""

    status: int
    reason: str
    headers: ReplyHeaders = field(repr=False)
    body: bytes = field(repr=False)
    version: str = "HTTP/1.1"

    @property
    def text(self) -> str:
        """The body as text. A byte that is not UTF-8 becomes a replacement character."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """Return the body as JSON. Raises WireError if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise garbage("JSON", self.body[:200]) from error

    def short(self) -> str:
        """Return the status for an answer.

        >>> HttpReply(301, "Moved Permanently", ReplyHeaders([("Location", "https://a/")]), b"").short()
        'HTTP 301 to https://a/'
        """
        where = self.headers.get("location", "")
        return f"HTTP {self.status}" + (f" to {text_of(where)}" if where else "")


class HttpVerbs:
    """The usual methods of HTTP, for a server and for a visitor's session."""

    def request(self, *words: Any, **about: Any) -> HttpReply:
        """Send a request: see ``Http.request``."""
        raise NotImplementedError

    def get(self, path: str = "/", **about: Any) -> HttpReply:
        """Ask for a page. See ``Http.request``."""
        return self.request("GET", path, **about)

    def head(self, path: str = "/", **about: Any) -> HttpReply:
        """Ask for the headers of a page. See ``Http.request``."""
        return self.request("HEAD", path, **about)

    def post(self, path: str = "/", **about: Any) -> HttpReply:
        """Send a body, a form or files. See ``Http.request``."""
        return self.request("POST", path, **about)


class Http(HttpVerbs):
    """A web server, as a place reaches it at this address and port.

    ``name`` is the Host header; its default is the address. An unusual port is added to it. ``tls`` encrypts without
    verifying the certificate, and ``ca`` (PEM) verifies it. ``seconds`` of an idle machine is the time limit of a whole
    request, and ``most`` the limit of an answer in bytes. Each request uses a new connection, except in a ``session``.
    """

    def __init__(
        self,
        place: Place,
        host: str,
        port: int = 0,
        *,
        name: str = "",
        tls: bool = False,
        ca: str = "",
        seconds: float = 10.0,
        most: int = MOST,
    ) -> None:
        self._place = place
        self._host = host
        self._secure = tls or bool(ca)
        self._ca = ca
        self._port = port or (443 if self._secure else 80)
        self._name = name or host
        self._seconds = seconds
        self._most = most

    def request(self, method: str, path: str = "/", **about: Any) -> HttpReply:
        """Send a request on a new connection, and return the answer. Raises WireError.

        ``path`` is sent as it is, with its query; blanks and characters beyond ASCII are encoded. ``name`` is the Host
        header of this request, ``headers`` are more headers, ``body`` is bytes or text, ``form`` a mapping that is sent
        urlencoded, and ``files`` maps fields to (file name, content), sent as multipart/form-data with the form.
        """
        with self.session() as session:
            return session.request(method, path, **about)

    @contextmanager
    def session(self) -> Iterator[HttpSession]:
        """Give a visitor that keeps cookies, and keeps its connection open between requests if the server does."""
        session = HttpSession(self._open, self._name, self._port, secure=self._secure, seconds=self._seconds)
        try:
            yield session
        finally:
            session.close()

    def _open(self, name: str) -> Line:
        context = trusting(self._ca) if self._secure else None
        line = connected(self._place, self._host, self._port, self._seconds, self._most)
        try:
            if context is not None:
                line.secure(context, name.partition(":")[0])
        except BaseException:
            line.close()
            raise
        return line


class HttpSession(HttpVerbs):
    """One visitor with cookies. ``connections`` is the number of connections that its requests needed."""

    def __init__(self, opened: Any, name: str, port: int, *, secure: bool, seconds: float) -> None:
        self._open = opened
        self._name = name
        self._port = port
        self._secure = secure
        self._seconds = seconds
        self._line: Line | None = None
        self._line_name = ""
        self._jar = CookieJar()
        self.connections = 0

    @property
    def cookies(self) -> dict[str, str]:
        """The visitor's cookies."""
        return {one.name: one.value or "" for one in self._jar}

    def request(
        self,
        method: str,
        path: str = "/",
        *,
        name: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        form: Form | None = None,
        files: Files | None = None,
    ) -> HttpReply:
        """Send a request, on the open connection if there is one. See ``Http.request``."""
        name = authority(name or self._name, self._port, 443 if self._secure else 80)
        kind, content = _content(body, form, files)
        more = {one.lower(): value for one, value in (headers or {}).items()}
        given = {"host": name, **({"content-type": kind} if kind else {}), **more}
        if content or method in ("POST", "PUT", "PATCH"):
            given.setdefault("content-length", str(len(content)))
        scheme = "https" if self._secure else "http"
        about = urllib.request.Request(f"{scheme}://{name}{path if path.startswith('/') else '/'}")  # noqa: S310
        self._jar.add_cookie_header(about)
        if (cookie := about.get_header("Cookie")) and "cookie" not in given:
            if not cookie.isprintable():  # a folded Set-Cookie
                raise garbage("HTTP", cookie.encode())
            given["cookie"] = cookie
        target = urllib.parse.quote(path, safe=string.punctuation)

        if self._line is not None and (self._line_name != name or self._line.waiting()):
            self.close()  # the server has closed the kept connection, or it was opened for another name
        again = self._line is not None
        try:
            return self._exchange(method, target, name, given, content, about)
        except WireError as error:
            self.close()
            # RFC 9112, 9.3.1: a server may close a kept connection at any time, also just now.
            if not again or error.kind != "hung up" or method not in ("GET", "HEAD"):
                raise
            return self._exchange(method, target, name, given, content, about)

    def close(self) -> None:
        """Close the connection. The cookies remain."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _exchange(
        self,
        method: str,
        target: str,
        name: str,
        headers: Mapping[str, str],
        content: bytes,
        about: urllib.request.Request,
    ) -> HttpReply:
        if self._line is None:
            self._line, self._line_name = self._open(name), name
            self.connections += 1
        else:
            self._line.begin(self._seconds)
        line = self._line
        line.opening = ("HTTP", b"HTTP/")
        talk = _Talk(line)
        talk.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for one, value in headers.items():
            talk.putheader(_title(one), value.encode())
        # A server may answer before it has read the whole body, and close the connection: 413 Content Too Large.
        refused: WireError | None = None
        try:
            talk.endheaders(content or None)
        except WireError as error:
            refused = error
        try:
            with spoken(line, "HTTP"):
                answer = talk.getresponse()
                reply = _reply(answer)
                self._jar.extract_cookies(answer, about)
        except WireError as error:
            raise refused or error from error
        if refused or answer.will_close:
            self.close()
        return reply


class _Talk(http.client.HTTPConnection):
    """Writes requests to a Line and reads answers. HttpSession closes the Line."""

    def __init__(self, line: Line) -> None:
        super().__init__("probe")
        self.auto_open = 0
        self.sock = line

    def close(self) -> None:
        """Leave the connection open."""


def _reply(answer: http.client.HTTPResponse) -> HttpReply:
    """Read an answer. Any error that it raises means that the answer is malformed."""
    if answer.msg.defects:
        raise ValueError("a malformed header")
    lengths = {value.strip() for value in answer.msg.get_all("content-length", [])}
    if len(lengths) > 1 or not all(re.fullmatch("[0-9]{1,18}", one) for one in lengths):
        raise ValueError("a malformed length")
    parts = []
    while part := answer.read(65536):
        parts.append(part)
    if answer.length:  # since Python 3.12, read(amt) raises no error at an early end
        raise http.client.IncompleteRead(b"", answer.length)
    with contextlib.closing(answer):
        version = {10: "HTTP/1.0", 11: "HTTP/1.1"}.get(answer.version, "HTTP/?")
        return HttpReply(
            answer.status, text_of(answer.reason), ReplyHeaders(answer.getheaders()), b"".join(parts), version
        )


def _content(body: bytes | str, form: Form | None, files: Files | None) -> tuple[str, bytes]:
    """Return the type and the content of a request's body."""
    if files:
        return _multipart(form or {}, files)
    if form is not None:
        return "application/x-www-form-urlencoded", urllib.parse.urlencode(form).encode()
    return "", body.encode() if isinstance(body, str) else body


def _multipart(form: Form, files: Files) -> tuple[str, bytes]:
    """Return a form with files, as RFC 7578 says."""
    mark = secrets.token_hex(16)  # only has to differ from every line of the content
    parts = []
    for one, value in form.items():
        parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="{_quoted(one)}"\r\n\r\n{value}\r\n'.encode())
    for one, (filename, content) in files.items():
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="{_quoted(one)}"; filename="{_quoted(filename)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts.append(head.encode() + content + b"\r\n")
    return f"multipart/form-data; boundary={mark}", b"".join(parts) + f"--{mark}--\r\n".encode()


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _title(name: str) -> str:
    """Return a header's name as most clients write it.

    >>> _title("content-type")
    'Content-Type'
    """
    return "-".join(part.capitalize() for part in name.split("-"))
