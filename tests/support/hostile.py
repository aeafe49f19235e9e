"""Requests that mean harm, made from dice alone, so that a hundred thousand of them cost little."""

import gzip
import json
import random
from dataclasses import dataclass

from streams.events import registry
from tests.support.posting import BATCH, NDJSON, ONE, event
from tests.support.wired import request

KINDS = (
    ONE,
    BATCH,
    NDJSON,
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "",
    "é/;;=",
    "a" * 500,
)
PATHS = ("/v1/events", "/v1/events/batch", "/v1/events?items=others", "/v1/events/batch?items=others")
PIECES = (b"", b"{}", b"[]", b"null", b"\xff\xfe", b"\x00", b"[" * 2000, b'{"a":' * 500, b"\n" * 3000, b'"', b"1e999")
ODD = ("", "é", "%", "%ff", "\x7f", "a" * 3000, "null", "{}", "-1", "1e400")
TYPES = tuple(registry.events)


@dataclass
class Hostile:
    """Makes requests, valid ones among them; the ids that it gives are all different."""

    key: str
    dice: random.Random
    made: int = 0
    """Events until now, which give them ids."""

    def next(self) -> bytes:
        """One more request."""
        kind, path = self.dice.choice(((ONE, PATHS[0]), (BATCH, PATHS[0]), (NDJSON, PATHS[1])))
        body, headers = self._body(kind), dict[str, str]()
        if self.dice.random() < 0.15:
            kind = self.dice.choice(KINDS)
        if self.dice.random() < 0.1:
            path = self.dice.choice(PATHS)
        if self.dice.random() < 0.2:
            body = self._spoiled(body)
        if self.dice.random() < 0.2:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = self.dice.choice(("gzip", "gzip", "x-gzip", "br", ""))
            body = self._spoiled(body) if self.dice.random() < 0.2 else body
        if self.dice.random() < 0.1:
            headers |= {f"ce-{name}": self.dice.choice(ODD) for name in ("specversion", "id", "type", "x" * 40)}
        key = self.key if self.dice.random() < 0.97 else self.dice.choice(ODD)
        return request(path, key, kind, body, headers)

    def _body(self, kind: str) -> bytes:
        events = [self._event() for _ in range(1 if kind == ONE else self.dice.randrange(1, 8))]
        return b"\n".join(events) if kind == NDJSON else events[0] if kind == ONE else b"[" + b",".join(events) + b"]"

    def _event(self) -> bytes:
        self.made += 1
        made = event(f"f{self.made}", self.dice.choice(TYPES))
        if self.dice.random() < 0.3:
            at = made if self.dice.random() < 0.4 else made["data"]
            name = self.dice.choice([*at, "more"])
            at[name] = self.dice.choice((None, 1, -1, 1e400, "", "x" * 300, [], {}, [[[]]], True, "\u0000", "1.23456"))
        return json.dumps(made).encode()

    def _spoiled(self, body: bytes) -> bytes:
        at, to = sorted(self.dice.randrange(len(body) + 1) for _ in range(2))
        middle = self.dice.choice((*PIECES, self.dice.randbytes(self.dice.randrange(40)), body[at:to] * 2))
        return body[:at] + middle + body[to if self.dice.random() < 0.5 else at :]
