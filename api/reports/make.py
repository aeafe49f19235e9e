"""Makes one report: each section's numbers, one page, one whole file."""

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from clickhouse_connect.driver.asyncclient import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from api.reports import compliance, content, page, pdf
from api.reports.compliance import Acts
from api.reports.content import Section
from clickhouse.client import connect
from clickhouse.metrics.answer import answer
from clickhouse.metrics.periods import zone_of
from clickhouse.metrics.question import moment
from metadata.audit import Audit, Wanted
from metadata.keys import Keys
from streams.settings import Settings

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""Names of reports: they become names of files and of jobs."""


class Report(NamedTuple):
    """A report that was made."""

    id: str
    """Name and number of its execution."""
    name: str
    title: str
    made_at: datetime
    file: str
    """Where its file is."""
    html: str
    pdf: bytes | None
    """The same as PDF, where it is that."""

    @property
    def content(self) -> bytes:
        """What is in its file."""
        return self.html.encode() if self.pdf is None else self.pdf

    def body(self) -> bytes:
        """What is posted to a webhook; a PDF in base64."""
        told = {"report": self.name, "id": self.id, "title": self.title, "made_at": self.made_at.isoformat()}
        told |= {"file": self.file, "html": self.html}
        return msgspec.json.encode(told if self.pdf is None else told | {"pdf": self.pdf})


async def made(settings: Settings, engine: AsyncEngine, title: str, sections: list[Section], now: datetime) -> str:
    """The page. Raises QueryRefused, and what ClickHouse and PostgreSQL raise."""
    client = await connect(settings, reading=True) if any(each.metric for each in sections) else None
    try:
        parts = [await _part(settings, engine, client, section, now) for section in sections]
    finally:
        if client is not None:
            await client.close()
    return page.page(title, now, parts)


async def _part(
    settings: Settings, engine: AsyncEngine, client: AsyncClient | None, section: Section, now: datetime
) -> str:
    if client is None or section.compliance:
        return compliance.section(await acts(settings, engine, section, now), section.title)
    found = await answer(client, content.question(section, now), compare=section.compare)
    return page.metric(section, found)


async def acts(settings: Settings, engine: AsyncEngine, section: Section, now: datetime) -> Acts:
    """What the audit log has of a period. Raises QueryRefused for a time that is none."""
    zone = zone_of(section.zone or "UTC")
    begin = moment("from", section.begin, zone, now)
    end = moment("to", section.to, zone, now) if section.to else now
    found = await Audit(engine, settings).list(Wanted(begin, end))
    return Acts(begin, end, found, await Keys(engine, settings).all())


def sections_of(kept: Mapping[str, Any]) -> list[Section]:
    """Sections as they are kept."""
    return [Section.model_validate(each) for each in kept["sections"]]


async def drawn(settings: Settings, html: str) -> bytes:
    """A page as PDF. Raises ConfigurationError where REPORT_FONT is no font."""
    return await asyncio.to_thread(pdf.of, html, settings.report_font)
