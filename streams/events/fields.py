"""The kinds of field that events are made of, each with its bounds, its ClickHouse type and its words of refusal."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self
from zoneinfo import ZoneInfo

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from streams.events.columns import LABEL, NOT_STORED, Column
from streams.events.currencies import MINOR_UNITS, SCALE
from streams.events.rules import Rule, RuleBroken, check_time, somewhere

ID_LENGTH: Final = 200
TEXT_LENGTH: Final = 8192
"""Longest text of a field that declares no length, in characters."""
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
"""Characters that no identifier may hold."""

_DIGITS: Final = 18 - SCALE
_MONEY = re.compile(rf"-?[0-9]{{1,{_DIGITS}}}(?:\.[0-9]{{1,{SCALE}}})?", re.ASCII)
_YEARS = r"^(19|2[012])\d\d-"


class Part(BaseModel):
    """What an event's data and the objects inside it share: strict types, unknown fields tolerated, rules applied."""

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        str_max_length=TEXT_LENGTH,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    """Rules over several fields; a subclass lists all of its own."""

    @model_validator(mode="after")
    def _apply_rules(self) -> Self:
        for rule in self.rules:
            rule(self)
        return self


class Money(Decimal):
    """An amount that fits Decimal(18, 4), exact as it was written; it may be negative. On the wire a string."""

    __slots__ = ()
    signed: ClassVar[bool] = True

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read an amount off the wire or from Python. Raises ValueError with the words of refusal."""
        if isinstance(value, str):
            if _MONEY.fullmatch(value) is None:
                raise ValueError(
                    f"Amount should be digits with at most {SCALE} after the point and {_DIGITS} before it, "
                    'such as "12.50"'
                )
            amount = cls(value)
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            amount = cls._number(value)
        else:
            raise ValueError('Amount should be a string such as "12.50", or a number')  # noqa: TRY004  # pydantic's way
        if not cls.signed and amount < 0:
            raise ValueError("Amount should not be negative")
        # Minus zero would come back from ClickHouse as another text than it went in.
        return amount if amount else cls(abs(amount))

    @classmethod
    def _number(cls, value: int | Decimal) -> Self:
        amount = Decimal(value)
        if not amount.is_finite() or (amount and amount.adjusted() >= _DIGITS):
            raise ValueError(f"Amount should have at most {_DIGITS} digits before the point")
        exponent = int(amount.as_tuple().exponent)
        if exponent < -SCALE:
            raise ValueError(f"Amount should have at most {SCALE} digits after the point; send it as a string")
        # 1e2 is written out, so that the text of every amount is plain digits.
        return cls(amount.quantize(Decimal(1)) if exponent > 0 and amount else amount if amount else 0)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        sign = "-?" if cls.signed else ""
        bound = 10**_DIGITS
        number: dict[str, Any] = {"type": "number", "exclusiveMaximum": bound}
        number |= {"exclusiveMinimum": -bound} if cls.signed else {"minimum": 0}
        text = {"type": "string", "pattern": rf"^{sign}[0-9]{{1,{_DIGITS}}}(\.[0-9]{{1,{SCALE}}})?$"}
        return {"anyOf": [text, number]}


class Price(Money):
    """An amount that cannot be negative."""

    __slots__ = ()
    signed = False


def parse_time(value: object) -> datetime:
    """Read an RFC 3339 time with zone, kept in UTC. Raises ValueError with the words of refusal."""
    if isinstance(value, str):
        try:
            value = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            raise ValueError("Time should be RFC 3339, such as 2026-01-31T12:00:00.000Z") from None
    if not isinstance(value, datetime):
        raise ValueError("Time should be a string in RFC 3339, such as 2026-01-31T12:00:00.000Z")  # noqa: TRY004
    if value.tzinfo is None:
        raise ValueError("Time should name its zone, such as 2026-01-31T12:00:00.000Z")
    check_time("", value)
    return value.astimezone(UTC)


def write_time(value: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, the way producers should send it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def no_control(value: str) -> str:
    """Refuse an identifier with control characters."""
    if CONTROL.search(value) is not None:
        raise ValueError("Identifier should not contain control characters")
    return value


@lru_cache(maxsize=1024)
def _zone_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def known_zone(data: Any) -> None:
    """Rule: `time_zone` is a zone of the IANA database."""
    if not _zone_known(data.time_zone):
        raise RuleBroken("time_zone", "Zone should be a name of the IANA database, such as America/New_York")


class Marker(Enum):
    """What the codec must know of a field beyond its type."""

    IDENTIFIER = "no control characters"
    MOMENT = "has a zone, and a year that its column holds"


IDENTIFIER, MOMENT = Marker.IDENTIFIER, Marker.MOMENT


Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    PlainSerializer(write_time, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _YEARS}),
    MOMENT,
]
"""An RFC 3339 time with zone, years 1901 to 2298."""

Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=ID_LENGTH),
    AfterValidator(no_control),
    IDENTIFIER,
]
"""An identifier: 1 to 200 characters, none of them a control character."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH), Column(LABEL)]
"""A name with few distinct values: city, country, category."""

Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), Column(LABEL)]
"""Name of a zone of the IANA database; an event with one lists the rule `known_zone`."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]
"""A name or title that people read."""

Text = Annotated[str, StringConstraints(max_length=1000)]
"""Free text, which may be empty."""

Url = Annotated[str, StringConstraints(max_length=TEXT_LENGTH)]
"""An address as the browser gave it."""

UserAgent = Annotated[str, StringConstraints(max_length=2048), NOT_STORED]
"""A browser's description of itself; stored as device, browser and system."""

if TYPE_CHECKING:
    Currency = str
else:
    Currency = Literal[tuple(MINOR_UNITS)]
    """An active currency code of ISO 4217."""

UInt8 = Annotated[int, Field(ge=0, le=2**8 - 1), Column("UInt8")]
UInt16 = Annotated[int, Field(ge=0, le=2**16 - 1), Column("UInt16")]
UInt32 = Annotated[int, Field(ge=0, le=2**32 - 1), Column("UInt32")]
Seats = Annotated[int, Field(ge=1, le=2**8 - 1), Column("UInt8")]
Quantity = Annotated[int, Field(ge=1, le=2**32 - 1), Column("UInt32")]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Rating = Annotated[float, Field(ge=1, le=5)]
Distance = Annotated[float, Field(ge=0, le=1_000_000)]
Speed = Annotated[float, Field(ge=0, le=10_000)]
Heading = Annotated[float, Field(ge=0, le=360)]


class Position(Part):
    """Where something is: coordinates, or a zone, or a city. The enrichment fills what can be known."""

    rules = (somewhere,)

    latitude: Latitude | None = None
    """Degrees north, WGS 84; together with `longitude`."""
    longitude: Longitude | None = None
    """Degrees east, WGS 84; together with `latitude`."""
    zone: Label | None = None
    """Name or number of a zone, such as a taxi zone."""
    city: Label | None = None
    """City."""
    state: Label | None = None
    """State or region."""
    country: Label | None = None
    """Country code."""
