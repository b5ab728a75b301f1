"""The ways an alert leaves the house: a signed HTTP request, an e-mail. Each takes a message or says why not."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import smtplib
import ssl
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, Protocol

import orjson
import requests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from config.daemon_settings import AlertSettings, MailSettings, WebhookSettings
    from sync.alerts.outbox import Message

CONNECT_S: Final = 5.0
ANSWER_S: Final = 15.0
OK: Final = range(200, 300)


class NotTaken(Exception):
    """A channel did not take a message. The text is ours: neither addresses nor what a server said."""

    def __init__(self, why: str, wait: timedelta | None = None) -> None:
        super().__init__(why)
        self.wait = wait  # as the receiver asks


class Channel(Protocol):
    """One way out."""

    def send(self, message: Message, now: datetime) -> None:
        """Deliver the message. Raises NotTaken."""
        ...


def channels_of(settings: AlertSettings) -> Mapping[str, Channel]:
    """The channels that are set up, by name."""
    made: dict[str, Channel] = {}
    if settings.webhook is not None:
        made["webhook"] = Webhook(settings.webhook)
    if settings.mail is not None:
        made["mail"] = Mail(settings.mail)
    return made


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the base64 of HMAC-SHA256 over id, time and body, joined by dots, as Standard Webhooks has it.

    The key is what follows ``whsec_``, in base64, or the secret's own bytes.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = secret.encode()
    signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@dataclass(frozen=True, slots=True)
class Webhook:
    """POST of the event as JSON, signed. No redirect is followed, and no answer read."""

    settings: WebhookSettings

    def send(self, message: Message, now: datetime) -> None:
        """One request; any 2xx takes the message."""
        body, timestamp = message.body.encode(), int(now.timestamp())
        secret = self.settings.secret.get_secret_value() if self.settings.secret else ""
        headers = {
            "content-type": "application/json",
            "user-agent": "leadgrade",
            "webhook-id": message.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secret, message.event_id, timestamp, body),
        }
        try:
            with requests.post(
                self.settings.url, data=body, headers=headers, timeout=(CONNECT_S, ANSWER_S), allow_redirects=False,
                stream=True,
            ) as answer:  # fmt: skip
                status, asked = answer.status_code, answer.headers.get("retry-after", "")
        except requests.RequestException as error:  # its text holds the address
            raise NotTaken(f"no answer: {type(error).__name__}") from None
        if status not in OK:
            wait = timedelta(seconds=min(int(asked), 86_400)) if asked.isdecimal() else None
            raise NotTaken(f"answered {status}", wait)


@dataclass(frozen=True, slots=True)
class Mail:
    """The event's text and data by SMTP."""

    settings: MailSettings

    def send(self, message: Message, now: datetime) -> None:
        """One mail to all; a server that takes it for some of them takes it."""
        try:
            with self._connected() as server:
                if self.settings.username and self.settings.password:
                    server.login(self.settings.username, self.settings.password.get_secret_value())
                server.send_message(self._mail(message, now))
        except smtplib.SMTPResponseException as error:  # its text is the server's
            raise NotTaken(f"the mail server answered {error.smtp_code}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotTaken(f"the mail server failed: {type(error).__name__}") from None

    def _connected(self) -> smtplib.SMTP:
        host, port = self.settings.host, self.settings.port
        context = ssl.create_default_context()
        if self.settings.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=ANSWER_S, context=context)
        server = smtplib.SMTP(host, port, timeout=ANSWER_S)
        if self.settings.security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server

    def _mail(self, message: Message, now: datetime) -> EmailMessage:
        event = orjson.loads(message.body)
        mail = EmailMessage()
        mail["Subject"] = " ".join(str(event["text"]).split())[:150]
        mail["From"] = self.settings.sender
        mail["To"] = ", ".join(self.settings.to)
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{message.event_id}@leadgrade>"
        mail["Auto-Submitted"] = "auto-generated"
        data = orjson.dumps(event["data"], option=orjson.OPT_INDENT_2).decode()
        mail.set_content(f"{event['text']}\n\n{event['event']} at {event['at']}\n\n{data}\n")
        return mail
