"""TLS of a server: its certificates, the versions that it accepts, and whether a given CA vouches for it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from labctl.kit.wire.base import MOST, connected, spoken, trusting
from labctl.kit.wire.errors import WireError, garbage, no_answer, text_of

if TYPE_CHECKING:
    import datetime

    from labctl.kit.places import Place

VERSIONS = {"TLSv1": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
"""The versions of TLS, with the options of ``openssl s_client``."""


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate. ``names`` are the names and addresses of its extension subjectAltName. ``subject`` and ``issuer``
    are written as in RFC 4514. ``key`` is the kind and size of the key, such as "RSA 2048" or "EC 256"."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime
    key: str
    ca: bool
    sha256: str
    pem: str = field(repr=False)

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer are equal, as in a self-signed certificate."""
        return self.subject == self.issuer

    def covers(self, name: str) -> bool:
        """Whether the certificate is for this name or address. ``*`` stands for one label (RFC 9525, 6.3)."""
        rest = name.lower().partition(".")[2]
        wanted = {name.lower(), f"*.{rest}"} if rest and not _is_address(name) else {name.lower()}
        return bool(wanted & {one.lower() for one in self.names})


@dataclass(frozen=True)
class TlsSession:
    """What client and server agreed on: the version, such as "TLSv1.3", the cipher, and the server's certificate."""

    version: str
    cipher: str
    certificate: ServerCertificate


class Tls:
    """TLS at an address and port. ``name`` is the name for SNI; its default is the address, which is not sent.

    ``starttls`` names a protocol in which TLS starts later, for ``chain`` and ``accepts``: smtp, imap, mysql and others
    that ``openssl s_client -starttls`` knows.
    """

    def __init__(
        self, place: Place, host: str, port: int = 443, *, name: str = "", starttls: str = "", seconds: float = 10.0
    ) -> None:
        self._place = place
        self._host = host
        self._port = port
        self._name = name or host
        self._starttls = starttls
        self._seconds = seconds

    def handshake(self, ca: str = "") -> TlsSession:
        """Connect, and return what was agreed on. With ``ca`` (PEM), the certificate and its name are verified. Raises
        WireError, of the kind ``untrusted`` if the certificate fails that."""
        context = trusting(ca)
        with connected(self._place, self._host, self._port, self._seconds, MOST) as line:
            line.secure(context, self._name)
            secure = line.encrypted
            with spoken(line, "TLS"):
                if secure is None:
                    raise ValueError("no TLS")
                data = secure.getpeercert(binary_form=True)
                cipher = secure.cipher()
                certificate = parsed(x509.load_der_x509_certificate(data or b""))
                return TlsSession(secure.version() or "", cipher[0] if cipher else "", certificate)

    def chain(self) -> list[ServerCertificate]:
        """Return the certificates in the order in which the server sends them: its own is the first. Raises
        WireError."""
        # After this section, openssl prints what the server sends over TLS, which can be anything.
        told, _, _ = self._openssl("-showcerts").partition("\nServer certificate\n")
        blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", told, re.DOTALL)
        if not blocks:
            reason = re.search(r":error:[0-9A-F]+:[^:\n]*:[^:\n]*:([^:\n]+)", told)
            why = text_of(reason[1] if reason else told)
            raise WireError("tls", (f"TLS failed: {why}", f"TLS 失败：{why}"))
        try:
            return [parsed(x509.load_pem_x509_certificate(one.encode())) for one in blocks[:50]]
        except Exception as error:
            raise garbage("X.509", blocks[0].encode()) from error

    def accepts(self, version: str) -> bool:
        """Whether the server accepts this version of TLS alone: see VERSIONS. Raises WireError if there is no server,
        or if it does not answer."""
        told = self._openssl("-brief", VERSIONS[version], "-cipher", "ALL:@SECLEVEL=0")
        return f"Protocol version: {version}\n" in told

    def _openssl(self, *options: str) -> str:
        """Run the toolbox's ``openssl s_client``, and return what it prints. Raises WireError."""
        with connected(self._place, self._host, self._port, self._seconds, MOST):
            pass  # the words for a server that can't be reached are the same as elsewhere
        words = ["-connect", f"{self._host}:{self._port}", *options]
        words += ["-noservername"] if _is_address(self._name) else ["-servername", self._name]
        words += ["-starttls", self._starttls] if self._starttls else []
        limit = max(1, round(self._place.limit(self._seconds)))
        command = f"timeout {limit} openssl s_client {' '.join(['%s'] * len(words))} </dev/null 2>&1"
        told = self._place.run(command, *words, seconds=2 * self._seconds + 5)
        if told.rc in (126, 127):
            raise RuntimeError(f"openssl could not run: {text_of(told.stdout)}")
        if told.rc in (124, 143):
            raise no_answer(self._seconds)
        return told.stdout


def parsed(certificate: x509.Certificate) -> ServerCertificate:
    """Return the parts of a certificate. Raises any error for a malformed one."""
    names: list[str] = []
    ca = False
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names = [str(one.value) for one in extension.value if isinstance(one, x509.DNSName | x509.IPAddress)]
        elif isinstance(extension.value, x509.BasicConstraints):
            ca = extension.value.ca
    return ServerCertificate(
        text_of(certificate.subject.rfc4514_string(), 200),
        text_of(certificate.issuer.rfc4514_string(), 200),
        tuple(text_of(one, 260) for one in names),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        _key(certificate),
        ca,
        certificate.fingerprint(hashes.SHA256()).hex(),
        certificate.public_bytes(Encoding.PEM).decode(),
    )


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    return type(key).__name__.strip("_").removesuffix("PublicKey")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
