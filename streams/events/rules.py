"""Rules over several fields of one event; the same functions serve the models and the fast structs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from streams.events.currencies import MINOR_UNITS, SCALE, scale_of

Rule = Callable[[Any], None]
"""Takes the data of one event (model or struct), raises RuleBroken."""

FIRST: Final = datetime(1901, 1, 1, tzinfo=UTC)
END: Final = datetime(2299, 1, 1, tzinfo=UTC)
"""Times that DateTime64(3) holds, with a year to spare at both ends."""
# Between these years, in whatever zone, no closer look is needed.
_SAFE_FIRST: Final = 1902
_SAFE_LAST: Final = 2297

_COARSE: Final = {code: scale_of(code) for code in MINOR_UNITS if scale_of(code) < SCALE}


class RuleBroken(ValueError):
    """A rule over an event's fields does not hold; `field` is the field to look at."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_time(name: str, time: datetime) -> None:
    """Refuse a time that DateTime64(3) cannot hold."""
    if not FIRST <= time < END:
        raise RuleBroken(name, f"Time should be in the years {FIRST.year} to {END.year - 1}")


def envelope_time_fits(envelope: Any) -> None:
    """The time of a CloudEvent fits its column; spelled out, because it runs for every event."""
    if not _SAFE_FIRST <= envelope.time.year <= _SAFE_LAST:
        check_time("time", envelope.time)


def times_fit(*fields: str) -> Rule:
    """Every given time of these fields fits its column."""

    def rule(data: Any) -> None:
        for name in fields:
            time = getattr(data, name)
            if time is not None and not _SAFE_FIRST <= time.year <= _SAFE_LAST:
                check_time(name, time)

    return rule


def scale_fits(*fields: str) -> Rule:
    """No amount of these fields is finer than its currency allows, and none stands without a currency."""

    def rule(data: Any) -> None:
        currency = data.currency
        if currency is not None and currency not in _COARSE:
            return
        for name in fields:
            amount = getattr(data, name)
            if amount is None:
                continue
            if currency is None:
                raise RuleBroken("currency", f"Field required, because {name} is given")
            if -amount.as_tuple().exponent > _COARSE[currency]:
                raise RuleBroken(
                    name, f"Amount in {currency} should have at most {_COARSE[currency]} digits after the point"
                )

    rule.__doc__ = (
        "An amount has at most two digits more than its currency's minor unit (4 in all); no amount without a currency."
    )
    return rule


def somewhere(position: Any) -> None:
    """A position is a pair of coordinates, a zone or a city."""
    if position.latitude is not None and position.longitude is not None:
        return
    if position.latitude is not None:
        raise RuleBroken("longitude", "Field required, because latitude is given")
    if position.longitude is not None:
        raise RuleBroken("latitude", "Field required, because longitude is given")
    if position.zone is None and position.city is None:
        raise RuleBroken("", "Position should have coordinates, a zone or a city")


def someone(data: Any) -> None:
    """A session or a user is behind every interaction."""
    if data.session_id is None and data.user_id is None:
        raise RuleBroken("session_id", "Field required, unless user_id is given")


def amount_adds_up(data: Any) -> None:
    """amount = quantity x unit_price + fees - discount."""
    expected = data.quantity * data.unit_price + data.fees - data.discount
    if data.amount != expected:
        raise RuleBroken("amount", f"Amount should be quantity x unit_price + fees - discount = {expected}")
