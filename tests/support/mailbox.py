"""A real mail server for tests, without TLS: answers as it is told to, and keeps what it got."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mailbox:
    """Takes mails; `refuses` is its answer to every recipient that `refused` begins, if it has one."""

    port: int = 0
    refuses: str = ""
    refused: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """For SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection (RFC 5321, as much of it as a client needs)."""
        writer.write(b"220 mailbox\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            answer = "250 ok"
            if word == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
                self.recipients.append(recipient)
                if recipient.startswith(self.refused):
                    answer = self.refuses or "250 ok"
            elif word == b"DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append(await _mail(reader))
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            writer.write(f"{answer}\r\n".encode())
        await writer.drain()
        writer.close()


async def _mail(reader: asyncio.StreamReader) -> EmailMessage:
    lines = []
    while (line := await reader.readline()) != b".\r\n":
        lines.append(line.removeprefix(b"."))
    return message_from_bytes(b"".join(lines), policy=policy.default)


@contextlib.asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """A mail server on a free port."""
    made = Mailbox()
    server = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
