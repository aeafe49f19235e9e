"""What a producer sent, in figures that say exactly what must arrive."""

from collections import Counter
from typing import Any

import msgspec

from streams.errors import Reject
from streams.events import registry
from streams.sampling import SAMPLED_TYPE, threshold, ticket
from streams.world.record import Record

FAMILIES = {
    "rides.user": "user_events",
    "rides.booking": "booking_events",
    "rides.payment": "payment_events",
    "rides.trip": "trip_events",
    "rides.route": "route_events",
    "rides.location": "location_events",
    "ticketing.pages": "page_views",
}
"""Tables that take every event of a topic."""
FAMILY_TYPES = {"ticket.purchased": "ticket_sales", "ticket.refunded": "ticket_sales"}
"""Tables that take some types of a topic."""


class Truth(msgspec.Struct, kw_only=True):
    """Counts of records. `sent` = valid events once each (`by_type`) + `faults` + `duplicates`."""

    command: str
    run: str
    """Part of every id: sent again with the same run, the same events are duplicates."""
    started_at: str
    sample_rate: float
    """Share of location pings that the workers are taken to keep."""
    seed: int | None = None
    seconds: float = 0.0
    complete: bool = False
    """Whether all that was asked for was sent; False after ctrl-c."""
    sent: int = 0
    unacknowledged: int = 0
    """Records of `sent` whose outcome is not known; then the rest is an upper bound."""
    by_type: dict[str, int] = msgspec.field(default_factory=dict)
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    """By the reason that they must be refused for."""
    fault_kinds: dict[str, int] = msgspec.field(default_factory=dict)
    duplicates: int = 0
    """Repeats of valid events under the same source and id."""
    late: int = 0
    """Valid events sent long after their time; they are in `by_type` too."""
    sampled_out: int = 0
    """Location pings that are not kept, repeats included."""
    sampled_out_repeats: int = 0
    sums: dict[str, str] = msgspec.field(default_factory=dict)
    """Of a replay: exact sums of amounts."""


class Tally:
    """Counts records into a truth while they are sent."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self._bound = threshold(truth.sample_rate)
        self._by_type: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()

    def count(self, record: Record) -> None:
        """One more record was sent."""
        truth = self.truth
        truth.sent += 1
        if record.fault is not None:
            self._faults[record.fault] += 1
            self._kinds[record.kind] += 1
            return
        out = record.driver_id is not None and ticket(record.driver_id, record.time) >= self._bound
        truth.sampled_out += out
        if record.repeat:
            truth.duplicates += 1
            truth.sampled_out_repeats += out
            return
        self._by_type[record.type] += 1
        truth.late += record.late

    def finished(self) -> Truth:
        """The truth with its counts by type and reason, in a fixed order."""
        truth = self.truth
        truth.by_type = dict(sorted(self._by_type.items()))
        truth.faults = {str(reason): self._faults[reason] for reason in Reject if self._faults[reason]}
        truth.fault_kinds = dict(sorted(self._kinds.items()))
        return truth


def expected(truth: Truth | dict[str, Any]) -> dict[str, Any]:
    """What must be found when everything that was sent has been worked off, each event once.

    `rows` by table (without those that stay empty), `dead_letters` by reason, `duplicates` and `sampled_out` as the
    workers count them: the repeat of a ping that is not kept is sampled out, not a duplicate. It holds for a
    repeat within the workers' memory; every repeat of a load is.
    """
    known = truth if isinstance(truth, Truth) else msgspec.convert(truth, Truth)
    rows: Counter[str] = Counter()
    for name, count in known.by_type.items():
        spec = registry.events[name]
        if name == SAMPLED_TYPE:
            count -= known.sampled_out - known.sampled_out_repeats
        tables = {spec.domain.raw_table, FAMILIES.get(spec.topic), FAMILY_TYPES.get(name)}
        rows.update({table: count for table in tables if table is not None and count})
    return {
        "rows": dict(sorted(rows.items())),
        "dead_letters": dict(known.faults),
        "duplicates": known.duplicates - known.sampled_out_repeats,
        "sampled_out": known.sampled_out,
    }


def merged(truths: list[dict[str, Any]]) -> dict[str, Any]:
    """The expectations of several producers together, as `expected` gives them."""
    total: dict[str, Any] = {"rows": Counter(), "dead_letters": Counter(), "duplicates": 0, "sampled_out": 0}
    for one in truths:
        total["rows"].update(one["rows"])
        total["dead_letters"].update(one["dead_letters"])
        total["duplicates"] += one["duplicates"]
        total["sampled_out"] += one["sampled_out"]
    return total | {"rows": dict(total["rows"]), "dead_letters": dict(total["dead_letters"])}
