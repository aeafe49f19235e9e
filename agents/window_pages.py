"""The worker's pages of its own windows: what it counts here, by name, key and time, and its watermarks."""

import html
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from agents.shard import Shard
from agents.shards import Shards
from tables.assemble import assemble, starts
from tables.sessions import Span, seconds_of
from tables.window import DURATION, Session, Window
from tables.wire import answers, decode_key, encode_key

NEWEST = 200
"""Lines of a page."""
Line = dict[str, Any]


def windows(shards: Shards | None) -> list[Line]:
    """Every declared window, and what this worker holds of it."""
    found: list[Line] = []
    for shard in (shards.running if shards else {}).values():
        held = {slices.name: (start, len(pane)) for slices, start, pane in shard.windows.panes}
        counts = {each.session.name: len(each) for each in shard.windows.sessions}
        found += [
            {
                "shard": shard.number,
                "window": window.name,
                "size": window.size,
                "slide": window.slide,
                "key": list(window.over.key),
                "measures": [measure.name for measure in window.over.measures],
                "newest_pane": _time(held[window.over.name][0]) if window.over.name in held else None,
                "late": shard.windows.panes.late[window.over.name],
                "sessions": counts.get(window.name),
            }
            for window in shard.windows.panes.declared.windows.values()
        ]
    return found


def lines(shards: Shards | None, name: str, key: str, since: int, limit: int = NEWEST) -> list[Line]:
    """The newest windows called `name` in this worker, of keys that start with `key`, beginning at `since` or later.

    Each shard's part by itself; `/v1/live/windows` of the API puts all workers together.
    """
    found: list[Line] = []
    for shard in (shards.running if shards else {}).values():
        window = shard.windows.panes.declared.windows.get(name)
        if window is None:
            return []
        found += islice(_newest(shard, window, key, since), limit)
    found.sort(key=lambda line: (line["start"], line["shard"], line["key"]), reverse=True)
    return found[:limit]


def _newest(shard: Shard, window: Window, key: str, since: int) -> Iterator[Line]:
    """The lines of one shard, the newest window first; each is made when it is asked for: there may be millions."""
    panes = shard.windows.panes
    slices = panes.declared.slices[window.over.name]
    held = {start: pane for own, start, pane in panes if own is slices}
    for start in reversed(starts(slices, window, held)):
        if start < since:
            return
        named = (
            (list(decode_key(encode_key(each))), states)
            for each, states in assemble(slices, window, start, held).items()
        )
        chosen = [line for line in named if ",".join(line[0]).startswith(key)]
        for text, states in sorted(chosen, key=_name, reverse=True):
            yield {
                "shard": shard.number,
                "start": _time(start),
                "closed": (start + window.size) * 1000 <= shard.windows.watermark.value,
                "key": text,
                "values": answers(slices, states, window.size),
            }


def _name(line: tuple[list[str], list[Any]]) -> list[str]:
    return line[0]


def sessions(shards: Shards | None, name: str, key: str, since: int, limit: int = NEWEST) -> list[Line]:
    """Sessions called `name` in this worker that began at `since` or later: of the owner `key`, or the newest.

    Those that go on come first, then those that have ended and could still be changed by a late event.
    """
    found: list[Line] = []
    for shard in (shards.running if shards else {}).values():
        for held in shard.windows.sessions:
            if held.session.name == name:
                own = islice((span for span in held.of(key) if span.second >= since), limit)
                chosen = own if key else held.newest(limit, since)
                found += [_session(shard.number, held.session, span) for span in chosen]
    found.sort(key=lambda line: line["last"], reverse=True)
    found.sort(key=lambda line: bool(line["ended"]))
    return found[:limit]


def _session(shard: int, session: Session, span: Span) -> Line:
    return {
        "shard": shard,
        "start": _time(span.second),
        "last": _time(span.last // 1000),
        "ended": span.ended,
        "key": list(map(str, span.key)),
        "values": {DURATION: (span.last - span.start) / 1000} | answers(session, span.states, seconds_of(span)),
    }


def watermarks(shards: Shards | None) -> list[Line]:
    """The watermark of every shard and topic, and which topics are idle."""
    found: list[Line] = []
    for shard in (shards.running if shards else {}).values():
        idle = shard.idle_topics()
        mark = shard.windows.watermark
        found.append({"shard": shard.number, "topic": "", "watermark": _time(mark.value // 1000), "idle": False})
        found += [
            {"shard": shard.number, "topic": topic, "watermark": _time(at // 1000), "idle": topic in idle}
            for topic, at in sorted(mark.topics.items())
        ]
    return found


def _time(second: int) -> str | None:
    return datetime.fromtimestamp(second, UTC).isoformat() if second else None


def as_json(found: list[Line]) -> str:
    """Amounts as texts, so that no digit is lost."""
    return json.dumps(found, default=lambda value: str(value) if isinstance(value, Decimal) else list(value))


def as_table(title: str, found: list[Line], links: Mapping[str, str], style: str) -> str:
    """A page with one table; `links` goes below it."""
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}" for name in (found[0] if found else {}))
    rows = "".join(f"<tr>{''.join(f'<td>{cell}' for cell in _cells(line))}" for line in found)
    foot = " · ".join(f"<a href='{html.escape(url)}'>{html.escape(text)}</a>" for text, url in links.items())
    empty = "" if found else "<p>Nothing yet."
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Millrace {html.escape(title)}</title><style>{style}</style><h1>{html.escape(title)}</h1>"
        f"<table><tr>{head}{rows}</table>{empty}<p>{foot}"
    )


def _cells(line: Line) -> Iterator[str]:
    for name, value in line.items():
        if name == "window":
            yield f"<a href='/windows?name={html.escape(value)}'>{html.escape(value)}</a>"
        elif isinstance(value, dict):
            yield html.escape(", ".join(f"{part} {_plain(number)}" for part, number in value.items()))
        else:
            yield html.escape(_plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_plain(number)}" for name, number in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return "-" if value is None else f"{value:,.2f}" if isinstance(value, float) else str(value)


def register(app: Any, get_shards: Callable[[], Shards | None], style: str) -> None:
    """Add the pages to a Faust app. `?format=json` gives any of them to a program."""

    def shown(view: Any, request: Any, title: str, found: list[Line]) -> Any:
        if request.query.get("format") == "json":
            return view.bytes(as_json(found).encode(), headers={"Content-Type": "application/json"})
        links = {"windows": "/windows", "watermarks": "/watermarks", "shards": "/shards"}
        return view.html(as_table(title, found, links, style))

    @app.page("/windows")
    async def windows_page(view: Any, request: Any) -> Any:
        """This worker's windows; `?name=&key=&since=` (seconds since 1970) shows the lines of one.

        Of windows `key` is how their keys begin; of sessions it is the whole of whose they are.
        """
        name = request.query.get("name", "")
        if not name:
            return shown(view, request, "Windows of this worker", windows(get_shards()))
        since = request.query.get("since", "0")
        if not (since.isascii() and since.isdigit()):
            return view.error(400, f"since={since!r}: give whole seconds since 1970")
        shards = get_shards()
        known = shards.around.realtime.declared.windows if shards else {}
        if shards and name not in known:
            return view.error(404, f"no window {name!r}; there are {', '.join(known)}")
        listed = sessions if shards and name in shards.around.realtime.declared.sessions else lines
        return shown(view, request, name, listed(shards, name, request.query.get("key", ""), int(since)))

    @app.page("/watermarks")
    async def watermarks_page(view: Any, request: Any) -> Any:
        """How far each topic and shard has come in event time."""
        return shown(view, request, "Watermarks of this worker", watermarks(get_shards()))
