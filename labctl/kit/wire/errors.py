"""The errors of the clients. Each has words in English and Chinese for the answer of a check."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from labctl.kit import say
from labctl.kit.answers import Pair, Unmet, Words

Kind = Literal[
    "refused",
    "no route",
    "no answer",
    "late",
    "hung up",
    "too much",
    "garbage",
    "tls",
    "untrusted",
    "denied",
    "refusal",
]
"""The kinds of WireError. ``refusal`` is an answer in the server's own protocol that it does not do what was asked."""


class WireError(Exception):
    """A server that did not answer as its protocol says. ``words`` are for ``unmet(found=…)``, and ``kind`` is for
    checks that expect such an error, for example ``refused``."""

    def __init__(self, kind: Kind, words: Pair) -> None:
        super().__init__(words[0])
        self.kind = kind
        self.words = words


class DeniedError(WireError):
    """The server refused the account, for example because of a wrong password. ``code`` is the server's code, or 0."""

    def __init__(self, said: str, code: int = 0) -> None:
        super().__init__("denied", say.joined(("the login was denied: ", "登录被拒绝："), said or say.EMPTY))
        self.code = code
        self.said = said


def text_of(data: bytes | str, most: int = 80) -> str:
    """Return data of a server as one line of printable text of at most ``most`` characters, and a sign if it is cut.

    >>> text_of(b"+OK\\r\\n\\x1b[31mred")
    '+OK [31mred'
    >>> text_of(b"abcdef", most=3)
    'abc…'
    """
    text = data[: 8 * most + 64].decode(errors="replace") if isinstance(data, bytes) else data[: 8 * most + 64]
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= most else f"{plain[:most]}…"


@contextmanager
def needed(box: str, *, expected: Words = "", see: str = "", read: Words = "") -> Iterator[None]:
    """Turn a WireError of the block into an unmet requirement of this box. The error's words are what was found.

    >>> with needed("web", see="systemctl status nginx"):
    ...     raise WireError("refused", say.REFUSED)
    Traceback (most recent call last):
        ...
    labctl.kit.answers.Unmet: web: expected ; found the connection was refused (`systemctl status nginx`)
    [zh] web：应为 ；实际 连接被拒绝 (`systemctl status nginx`)
    """
    try:
        yield
    except WireError as error:
        raise Unmet(box, found=error.words, expected=expected, see=see, read=read) from error


def garbage(protocol: str, sent: bytes) -> WireError:
    """Return the error for an answer that does not follow the protocol."""
    shown = text_of(sent) or say.EMPTY[0], text_of(sent) or say.EMPTY[1]
    return WireError(
        "garbage", (f"an answer that is not {protocol}: {shown[0]}", f"不符合 {protocol} 的应答：{shown[1]}")
    )


def refusal(protocol: str, said: str) -> WireError:
    """Return the error for a server that says, in its protocol, that it does not do what was asked."""
    return WireError("refusal", (f"{protocol} refused: {said}", f"{protocol} 拒绝：{said}"))


def hung_up(sent: bytes = b"") -> WireError:
    """Return the error for a connection that the server closed before the end of its answer."""
    if not sent:
        return WireError(
            "hung up", ("the server closed the connection without an answer", "服务器没有应答就关闭了连接")
        )
    shown = text_of(sent)
    return WireError(
        "hung up",
        (
            f"the server closed the connection in the middle of its answer: {shown}",
            f"服务器在应答中途关闭了连接：{shown}",
        ),
    )


def tls_failed(error: ssl.SSLError) -> WireError:
    """Return the error for a TLS handshake or a TLS connection that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = text_of(error.verify_message)
        return WireError("untrusted", (f"the certificate is not trusted: {why}", f"证书不受信任：{why}"))
    why = text_of((error.reason or str(error)).replace("_", " ").lower())
    return WireError("tls", (f"TLS failed: {why}", f"TLS 失败：{why}"))


def no_answer(seconds: float) -> WireError:
    """Return the error for a server that sent nothing."""
    return WireError("no answer", (f"{say.NO_ANSWER[0]} within {seconds:g} s", f"{seconds:g} 秒内{say.NO_ANSWER[1]}"))
