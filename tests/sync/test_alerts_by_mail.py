"""Alerts by e-mail: a real SMTP server, in plain on this machine and over TLS with a certificate of our own making."""

from __future__ import annotations

import contextlib
import email
import ipaddress
import socket
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from structlog.testing import capture_logs

from config.daemon_settings import AlertSettings, MailSettings, WebhookSettings
from connectors.clock import SystemClock
from tests.alerts_rig import house_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

PASSWORD = "canary-smtp-password"


@dataclass
class Postbox:
    """A mail server's other end: mails with whether they came over TLS, and who logged in."""

    mails: list[tuple[str, list[str], Message, bool]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd has it
        message = email.message_from_bytes(envelope.content)
        is_secret = server.transport.get_extra_info("ssl_object") is not None
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, message, is_secret))
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Take whoever knows the password."""
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == PASSWORD)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def serving(postbox: Postbox, port: int, **wishes: Any) -> Iterator[None]:
    server = Controller(postbox, hostname="127.0.0.1", port=port, **wishes)
    server.start()
    try:
        yield
    finally:
        server.stop()


@dataclass(frozen=True)
class Authority:
    """Signs certificates of servers; `file` is what a client trusts it by."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        made = cls(key, _certificate("Test authority", key, key, "Test authority", authority=True), folder)
        made.file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
        return made

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def server(self, name: str) -> ssl.SSLContext:
        """What a server of that name shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, self.key, "Test authority", authority=False)
        file = self.folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, issuer: str, *, authority: bool
) -> x509.Certificate:
    now = SystemClock().now()  # TLS goes by the machine's own clock
    names: list[x509.GeneralName] = [x509.DNSName(name.replace(" ", "-"))]
    if name == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this machine trusts."""
    made = Authority.in_folder(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def mail_to(port: int, **wishes: Any) -> AlertSettings:
    given = {"host": "localhost", "sender": "leadgrade@acme.example", "to": ("ops@acme.example",), "port": port}
    return AlertSettings(mail=MailSettings(**(given | wishes)))


def test_an_alert_by_mail(tmp_path: Path) -> None:
    postbox, port = Postbox(), free_port()
    house = house_of(tmp_path, mail_to(port, host="127.0.0.1", security="none"))
    with capture_logs() as logs:
        house.end(3, why="hubspot: the token was refused.")
    assert [line["why"] for line in logs] == ["the mail server failed: ConnectionRefusedError"]
    with serving(postbox, port):
        house.clock.advance(60)
        house.alerts.deliver()
    house.journal.close()
    [(sender, to, message, is_secret)] = postbox.mails
    assert (sender, to, is_secret) == ("leadgrade@acme.example", ["ops@acme.example"], False)
    assert message["subject"] == "Leadgrade: sync ended with 3. hubspot: the token was refused."
    assert "runs.failed" in str(message.get_payload())


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_alert_goes_over_tls_and_the_password_with_it(tmp_path: Path, authority: Authority, security: str) -> None:
    postbox, port = Postbox(), free_port()
    context = authority.server("localhost")
    tls = {"ssl_context": context} if security == "tls" else {"tls_context": context, "require_starttls": True}
    login = {"authenticator": postbox.authenticate, "auth_require_tls": security != "tls"}
    secret = {"username": "ops", "password": SecretStr(PASSWORD)}
    house = house_of(tmp_path / "house", mail_to(port, security=security, **secret))
    with serving(postbox, port, **tls, **login):
        house.end(4, why="Too many would change.")
    house.journal.close()
    [(_, to, message, is_secret)] = postbox.mails
    assert (to, is_secret) == (["ops@acme.example"], True)
    assert "Too many would change." in message["subject"]
    assert postbox.logins == [("ops", PASSWORD)]


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("trouble", ["a stranger's certificate", "another server's name", "no TLS at all"])
def test_where_the_server_cannot_be_trusted_nothing_is_told_and_no_password_sent(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, security: str, trouble: str
) -> None:
    postbox, port = Postbox(), free_port()
    context = authority.server("mail.elsewhere.example" if trouble == "another server's name" else "localhost")
    if trouble == "a stranger's certificate":
        monkeypatch.setenv("SSL_CERT_FILE", str(Authority.in_folder(_made(tmp_path / "other")).file))
    tls = {"ssl_context": context} if security == "tls" else {"tls_context": context}
    login = {"authenticator": postbox.authenticate, "auth_require_tls": False}
    secret = {"username": "ops", "password": SecretStr(PASSWORD)}
    house = house_of(tmp_path / "house", mail_to(port, security=security, **secret))
    with serving(postbox, port, **({} if trouble == "no TLS at all" else tls), **login), capture_logs() as logs:
        house.end(4, why="Too many would change.")
    house.journal.close()
    assert (postbox.mails, postbox.logins) == ([], [])
    [line] = [line for line in logs if line["event"] == "alert put off"]
    assert line["why"].startswith("the mail server failed: S")
    assert PASSWORD not in str(logs)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_mail_without_encryption_stays_on_this_machine() -> None:
    with pytest.raises(ValueError, match="plain SMTP would show"):
        MailSettings(host="mail.acme.example", security="none", sender="a@acme.example", to=("b@acme.example",))
    with pytest.raises(ValueError, match="plain http"):
        WebhookSettings(url="http://hooks.acme.example")
