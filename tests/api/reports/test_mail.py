"""Mails by a real SMTP receiver: the report attached, refusals told apart, no password in the clear."""

import asyncio
import contextlib
from email.message import EmailMessage

import pytest

from api.reports import mail as mail_of
from api.reports.mail import message, send
from streams.errors import ConfigurationError, SinkUnavailable, WebhookRefused
from tests.support.mailbox import mailbox

HTML = "<!DOCTYPE html><p>\u00fc &amp; \u4eba</p>\n"


def mail() -> EmailMessage:
    return message(
        "millrace@example.org", ["a@example.org", "b@example.org"], "Weekly \u00fc", HTML.encode(), "weekly.html"
    )


async def test_a_report_arrives_as_it_is() -> None:
    async with mailbox() as box:
        await asyncio.to_thread(send, box.url, mail())

    (found,) = box.mails
    assert box.recipients == ["a@example.org", "b@example.org"]
    assert (found["Subject"], found["From"]) == ("Weekly \u00fc", "millrace@example.org")
    (attached,) = found.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("weekly.html", "text/html")
    assert attached.get_content().splitlines() == HTML.splitlines()


async def test_a_pdf_is_attached_as_one() -> None:
    body = b"%PDF-1.4 \x00\xff"
    async with mailbox() as box:
        made = message("millrace@example.org", ["a@example.org"], "Weekly", body, "weekly.pdf")
        await asyncio.to_thread(send, box.url, made)

    (attached,) = box.mails[0].iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("weekly.pdf", "application/pdf")
    assert attached.get_content() == body


@pytest.mark.parametrize(("answer", "error"), [("450 later", SinkUnavailable), ("550 nobody", WebhookRefused)])
async def test_what_the_server_says_decides(answer: str, error: type[Exception]) -> None:
    async with mailbox() as box:
        box.refuses = answer
        with pytest.raises(error, match=answer):
            await asyncio.to_thread(send, box.url, mail())
    assert box.mails == []


@pytest.mark.parametrize(("answer", "error"), [("450 later", SinkUnavailable), ("550 nobody", WebhookRefused)])
async def test_one_address_that_is_refused_is_told_and_the_others_have_it(answer: str, error: type[Exception]) -> None:
    async with mailbox() as box:
        box.refuses, box.refused = answer, "b@"
        with pytest.raises(error, match=f"does not take b@example.org; the others have it: {answer}"):
            await asyncio.to_thread(send, box.url, mail())
    assert len(box.mails) == 1


async def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_of, "SECONDS", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError):  # a client without a limit of its own sees the line go down
            async with asyncio.timeout(5):
                await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.1 cannot be reached: .*timed out"):
            await asyncio.to_thread(send, f"smtp://127.0.0.1:{port}", mail())


async def test_an_address_that_the_server_cannot_spell_is_told() -> None:
    made = message("millrace@example.org", ["\u00fc@example.org"], "Weekly", HTML.encode(), "weekly.html")
    async with mailbox() as box:
        with pytest.raises(WebhookRefused, match="cannot take this mail"):
            await asyncio.to_thread(send, box.url, made)
    assert box.mails == []


async def test_a_password_is_not_sent_in_the_clear() -> None:
    async with mailbox() as box:
        with pytest.raises(ConfigurationError, match="no STARTTLS") as raised:
            await asyncio.to_thread(send, f"smtp://me:geheim@127.0.0.1:{box.port}", mail())
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://host:25", ConfigurationError),
        ("smtp://", ConfigurationError),
        ("smtp://host:port", ConfigurationError),
        ("smtp://127.0.0.1:1", SinkUnavailable),
    ],
)
def test_a_server_that_is_none_is_told(url: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="SMTP_URL"):
        send(url, mail())
