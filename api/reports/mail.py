"""Mails a report by SMTP: encrypted where the server offers it, and always before a password is sent."""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final
from urllib.parse import unquote, urlsplit

from streams.errors import ConfigurationError, SinkUnavailable, WebhookRefused

SECONDS: Final = 20.0
"""Longest wait for an answer of the server."""
_PORTS: Final = {"smtp": 587, "smtps": 465}
_WRITE: Final = "write smtp://user:password@host:587 or smtps://host:465"


def message(sender: str, to: Sequence[str], title: str, body: bytes, name: str) -> EmailMessage:
    """The mail: some words, and the report as an attachment, which keeps its charts in every program.

    `name`: of its file, `.html` or `.pdf`.
    """
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = title, sender, ", ".join(to)
    made["Date"], made["Message-ID"] = formatdate(), make_msgid(domain="millrace.invalid")
    if name.endswith(".pdf"):
        made.set_content(f"{title}\n\nThe report is attached.\n")
        made.add_attachment(body, maintype="application", subtype="pdf", filename=name)
    else:
        made.set_content(f"{title}\n\nThe report is attached; open it in a browser. It loads nothing from elsewhere.\n")
        made.add_attachment(body.decode(), subtype="html", filename=name)
    return made


def send(url: str, mail: EmailMessage) -> None:
    """Hand a mail to the server; blocks.

    Raises ConfigurationError for a wrong address, or a password that would go unencrypted; SinkUnavailable where the
    server is away or asks to come again, WebhookRefused where it says no to the mail, or to one of its addresses: then
    the others have it.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not parts.hostname or not port:
        raise ConfigurationError(f"SMTP_URL is no address of a mail server; {_WRITE}")
    try:
        with _connected(parts.scheme, parts.hostname, port) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            refused = server.send_message(mail)
    except UnicodeEncodeError:
        raise ConfigurationError(
            "SMTP_URL has a user or a password with letters that a mail server cannot take"
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise WebhookRefused(f"SMTP_URL: {parts.hostname} cannot take this mail: {error}") from error
    except smtplib.SMTPResponseException as error:
        raise _refused(parts.hostname, error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused_addresses(f"{parts.hostname} takes none of the addresses", error.recipients) from error
    except (smtplib.SMTPException, OSError) as error:
        raise SinkUnavailable(
            f"SMTP_URL: {parts.hostname} cannot be reached: {error}. The report is tried again."
        ) from error
    if refused:
        raise _refused_addresses(f"{parts.hostname} does not take {', '.join(refused)}; the others have it", refused)


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    server = _Plain(host, port, timeout=SECONDS)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
        server.ehlo()
        server.is_encrypted = True
    return server


class _Plain(smtplib.SMTP):
    """A connection that is not encrypted yet."""

    is_encrypted = False

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Refuses to send a password that everybody on the way could read."""
        if not self.is_encrypted:
            raise ConfigurationError(
                "SMTP_URL has a password, and the server offers no STARTTLS: take smtps://, or leave the password out"
            )
        return super().login(user, password, initial_response_ok=initial_response_ok)


def _refused_addresses(who: str, answers: Mapping[str, tuple[int, bytes]]) -> SinkUnavailable | WebhookRefused:
    """An address that may be taken later makes all be tried again."""
    code, said = min(answers.values(), key=lambda answer: answer[0])
    return _refused(who, code, said)


def _refused(who: str, code: int, said: bytes | str) -> SinkUnavailable | WebhookRefused:
    """4xx: come again; 5xx: no."""
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    text = f"SMTP_URL: {who}: {code} {words}"
    return SinkUnavailable(text) if 400 <= code < 500 else WebhookRefused(text)
