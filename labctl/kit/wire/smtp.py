"""An SMTP client (RFC 5321): smtplib on a connection of a check's place."""

from __future__ import annotations

import re
import smtplib
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from labctl.kit.wire.base import MOST, Line, WireClient, trusting
from labctl.kit.wire.errors import DeniedError, Kind, WireError, garbage, hung_up, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import EmailMessage
    from typing import Any

    from labctl.kit.places import Place

HELLO = "probe.example"
"""The name with which the client introduces itself."""


class SmtpError(WireError):
    """An answer that a mail server does not accept something. ``code`` is its number, ``said`` its text."""

    def __init__(self, code: int, said: str) -> None:
        kind: Kind = "hung up" if code == 421 else "refusal"  # with 421 the server closes the connection
        super().__init__(kind, (f"SMTP {code} {said}", f"SMTP {code} {said}"))
        self.code = code
        self.said = said


class SmtpAnswer(NamedTuple):
    """An answer of a mail server: its code and its text, as one line."""

    code: int
    text: str

    @property
    def accepted(self) -> bool:
        """Whether the code is one of success."""
        return 200 <= self.code < 300


class Smtp(WireClient):
    """One connection to a mail server. It says EHLO first. ``tls`` and ``ca`` are for TLS from the first byte."""

    protocol = "SMTP"

    def __init__(
        self,
        place: Place,
        host: str,
        port: int = 25,
        *,
        tls: bool = False,
        ca: str = "",
        name: str = "",
        seconds: float = 10.0,
        most: int = MOST,
    ) -> None:
        super().__init__(place, host, port, tls=tls, ca=ca, name=name, seconds=seconds, most=most)
        self._mail = smtplib.SMTP(local_hostname=HELLO)

    def features(self) -> dict[str, str]:
        """Return the extensions that the server offers after EHLO, in lower case, with their parameters: for example
        ``starttls``, ``auth`` and ``size``."""
        self.__enter__()
        return {str(name): text_of(str(value), 200) for name, value in self._mail.esmtp_features.items()}

    def starttls(self, ca: str = "") -> None:
        """Start TLS, and say EHLO again. With ``ca`` (PEM), the certificate and its name are verified."""
        context = trusting(ca)
        with self._talk(self._seconds) as line, _errors(line):
            mail = self._mail
            if not mail.has_extn("starttls"):
                raise SmtpError(502, "the server does not offer STARTTLS")
            code, said = mail.docmd("STARTTLS")
            if code != 220:
                raise SmtpError(code, _text(said))
            line.secure(context, self._name)
            # RFC 3207, section 4.2: the client must forget what the server said before.
            mail.file = mail.helo_resp = mail.ehlo_resp = None
            mail.esmtp_features, mail.does_esmtp = {}, False
            mail.ehlo()

    def login(self, user: str, password: str) -> None:
        """Log in. Raises DeniedError if the server refuses."""
        with self._talk(self._seconds) as line, _errors(line):
            try:
                self._mail.login(user, password)
            except smtplib.SMTPAuthenticationError as error:
                raise DeniedError(f"{error.smtp_code} {_text(error.smtp_error)}", error.smtp_code) from error

    def recipient(self, sender: str, recipient: str) -> SmtpAnswer:
        """Return the answer to a recipient of a mail from this sender, without sending one. An accepted recipient of
        another domain means that the server relays. Raises SmtpError if the server refuses the sender."""
        with self._talk(self._seconds) as line, _errors(line):
            self._mail.rset()
            code, said = self._mail.mail(sender)
            if not 200 <= code < 300:
                raise SmtpError(code, _text(said))
            code, said = self._mail.rcpt(recipient)
            self._mail.rset()
            return SmtpAnswer(code, _text(said))

    def send(self, message: EmailMessage | str, sender: str, recipients: Sequence[str]) -> None:
        """Send a mail. A str is the mail with its headers. Raises SmtpError if the server refuses the sender, the
        content or one of the recipients."""
        data = message.encode() if isinstance(message, str) else message.as_bytes()
        data = re.sub(rb"\r?\n", b"\r\n", data)
        with self._talk(self._seconds) as line, _errors(line):
            refused = self._mail.sendmail(sender, list(recipients), data)
            for code, said in refused.values():
                raise SmtpError(code, _text(said))

    def close(self) -> None:
        """Say QUIT, and close the connection."""
        line, self._line = self._line, None
        if line is not None:
            try:
                line.begin(1)
                if not line.ended:
                    line.sendall(b"QUIT\r\n")
            except WireError:
                pass  # the server has gone
            line.close()

    def _greet(self, line: Line) -> None:
        self._mail = smtplib.SMTP(local_hostname=HELLO)
        sock: Any = line  # it has the methods that smtplib calls
        self._mail.sock = sock
        with _errors(line):
            code, said = self._mail.getreply()
            if code != 220:
                raise SmtpError(code, _text(said)) if 400 <= code < 600 else garbage(self.protocol, line.beginning)
            self._mail.ehlo_or_helo_if_needed()


def _text(said: bytes | str) -> str:
    return text_of(said, 160)


@contextmanager
def _errors(line: Line) -> Iterator[None]:
    """Turn smtplib's errors into those of the kit."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise SmtpError(code, _text(said)) from error
    except smtplib.SMTPResponseException as error:
        if not 200 <= error.smtp_code < 600:
            raise garbage("SMTP", line.beginning) from error
        raise SmtpError(error.smtp_code, _text(error.smtp_error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise SmtpError(502, _text(str(error))) from error
    except smtplib.SMTPException as error:
        if type(error) is smtplib.SMTPException:  # no way to log in that both sides know
            raise SmtpError(504, _text(str(error))) from error
        raise (hung_up(line.beginning) if line.ended else garbage("SMTP", line.beginning)) from error
