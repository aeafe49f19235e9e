"""Declare an event once: the base class, its spec and the registry that everything else is derived from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from streams.errors import ConfigurationError
from streams.events.columns import ENVELOPE, Column, field_column, merged, position_columns
from streams.events.domains import DOMAINS, TOPICS, Domain
from streams.events.fields import MOMENT, Money, Part, Position
from streams.events.rules import Rule, scale_fits
from streams.events.shape import shape_of

__all__ = ["ENVELOPE", "Column", "Event", "EventSpec", "Registry", "registry"]

UINT32 = 2**32 - 1
"""Largest value of an int field that declares no bounds."""


@dataclass(frozen=True, eq=False, repr=False)
class EventSpec:
    """Everything about an event type that is not its payload."""

    name: str
    """CloudEvents `type`."""
    topic: str
    """Source topic; the type is refused on any other."""
    domain: Domain
    version: int
    """Version of the schema; stored as `event_version`."""
    keys: tuple[str, ...]
    """Fields that give the record's key: the first that is given."""
    model: type["Event"]
    """The class: the `data` part of the CloudEvent."""

    def __repr__(self) -> str:
        """Short, since a spec hangs on every row."""
        return f"EventSpec({self.schema_name})"

    @property
    def doc(self) -> str:
        """The class's docstring."""
        return (self.model.__doc__ or "").strip()

    @property
    def schema_name(self) -> str:
        """Name of the checked-in schema, such as `booking.created.v1`."""
        return f"{self.name}.v{self.version}"

    @cached_property
    def fields(self) -> dict[str, FieldInfo]:
        """Fields of the data by name, as pydantic knows them."""
        return self.model.model_fields

    @cached_property
    def positions(self) -> tuple[str, ...]:
        """Names of the fields that are positions."""
        return self._fields_of(Position)

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        """Names of the fields that are money."""
        return self._fields_of(Money)

    def _fields_of(self, kind: type) -> tuple[str, ...]:
        bases = {name: shape_of(info).base for name, info in self.fields.items()}
        return tuple(name for name, base in bases.items() if isinstance(base, type) and issubclass(base, kind))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Columns of the payload as this type alone would have them; `Registry.columns` has them as tables do."""
        found: list[Column] = []
        for name, info in self.fields.items():
            if name in self.positions:
                found.extend(position_columns(name))
            else:
                found.append(field_column(self.model.__name__, name, info))
        return tuple(column for column in found if column.stored)

    def key(self, data: Any) -> bytes:
        """The record's key in Kafka, from a model or a decoded struct. Raises ValueError if no key field is given."""
        for name in self.keys:
            value = getattr(data, name)
            if value is not None:
                return str(value).encode()
        raise ValueError(f"{self.name}: none of {', '.join(self.keys)} is given, so the record has no key")


@dataclass
class Registry:
    """Every declared event by its type."""

    events: dict[str, EventSpec] = field(default_factory=dict)

    @property
    def domains(self) -> dict[str, Domain]:
        """Domains that have events, by name."""
        return {spec.domain.name: spec.domain for spec in self.events.values()}

    @property
    def topics(self) -> dict[str, tuple[EventSpec, ...]]:
        """Source topics that have events, with these."""
        found: dict[str, tuple[EventSpec, ...]] = {}
        for spec in self.events.values():
            found[spec.topic] = (*found.get(spec.topic, ()), spec)
        return found

    def of(self, domain: Domain) -> tuple[EventSpec, ...]:
        """Events of a domain, as declared."""
        return tuple(spec for spec in self.events.values() if spec.domain is domain)

    def columns(self, specs: Iterable[EventSpec]) -> tuple[Column, ...]:
        """Payload columns of a table that takes these events; nullable if one of them has the field optional."""
        return merged((spec.model.__name__, column) for spec in specs for column in spec.columns)

    def raw_columns(self, domain: Domain) -> tuple[Column, ...]:
        """All columns of a domain's raw table, in order: envelope, payload, derived."""
        return (*ENVELOPE, *self.columns(self.of(domain)), *domain.derived)

    def add(self, spec: EventSpec) -> None:
        """Enter an event. Raises ConfigurationError, with the way out, if it clashes with another or with a table."""
        owner = spec.model.__name__
        known = self.events.get(spec.name)
        if known is not None:
            raise ConfigurationError(
                f"event {spec.name!r} is declared twice, by {known.model.__name__} and {owner}; rename one of them"
            )
        taken = {column.name for column in (*ENVELOPE, *spec.domain.derived)}
        seen: set[str] = set()
        for column in spec.columns:
            if column.name in taken:
                raise ConfigurationError(
                    f"{owner}: column {column.name!r} exists in every row of {spec.domain.raw_table}; rename the field"
                )
            if column.name in seen:
                raise ConfigurationError(
                    f"{owner}: two fields give the column {column.name!r}; a position {column.name.split('_')[0]!r} "
                    "has columns of its own; rename one of the fields"
                )
            seen.add(column.name)
        self.columns((*self.of(spec.domain), spec))
        self.events[spec.name] = spec


registry = Registry()
"""The events of the product; filled by importing `streams.events`."""


class Event(Part):
    """The data of one event type. `class BookingCreated(Event, name="booking.created", topic="rides.booking")`.

    A class without `name` is a common part of several events and is not registered. What is not payload is in
    `spec`, so that a field may have nearly any name.
    """

    spec: ClassVar[EventSpec]

    def __init_subclass__(cls, **declared: Any) -> None:
        """Take the keywords that pydantic would not know; `__pydantic_init_subclass__` reads them."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        name: str | None = None,
        topic: str | None = None,
        version: int = 1,
        registry: Registry = registry,
        **unknown: Any,
    ) -> None:
        """Register the event. Raises ConfigurationError, with the way out, where the declaration cannot work."""
        if unknown:
            raise ConfigurationError(
                f"{cls.__name__}: {', '.join(unknown)} is no keyword of an event; use name, topic and version"
            )
        if name is None:
            return
        if topic not in TOPICS:
            raise ConfigurationError(
                f"event {name!r}: topic {topic!r} is not declared; choose one of {', '.join(TOPICS)} or declare it "
                "in streams/events/domains.py"
            )
        if not 1 <= version <= 255:
            raise ConfigurationError(f"event {name!r}: version {version} is not in 1..255; number versions from 1")
        _bound_fields(cls)
        domain = DOMAINS[topic.split(".")[0]]
        keys = tuple(key for key in TOPICS[topic].keys if key in cls.model_fields)
        spec = EventSpec(name, topic, domain, version, keys, cls)
        _check_keys(spec)
        cls.rules = (*_derived_rules(spec), *cls.rules)
        cls.spec = spec
        registry.add(spec)


def _bound_fields(model: type[Event]) -> None:
    """Give a bare int the bounds of its column; refuse bare types that would lose digits or zones."""
    bounded = False
    for name, info in model.model_fields.items():
        base, metadata, _ = shape_of(info)
        where = f"{model.__name__}.{name}"
        if base is Decimal:
            raise ConfigurationError(f"{where}: a Decimal has no bounds; declare it as Money or Price")
        if base is datetime and MOMENT not in metadata:
            raise ConfigurationError(f"{where}: a datetime may lack its zone; declare it as Time")
        if base is int and not any(isinstance(item, Ge | Gt | Le | Lt) for item in metadata):
            info.metadata.extend((Ge(0), Le(UINT32)))
            bounded = True
        elif base is int:
            _check_range(where, metadata)
    if bounded:
        model.model_rebuild(force=True)


def _check_range(where: str, metadata: tuple[Any, ...]) -> None:
    """Refuse bounds that the column is too narrow for: such a number would be valid and have no row."""
    kind = next((item.clickhouse_type for item in metadata if isinstance(item, Column)), "UInt32")
    top = 2 ** int(kind.removeprefix("UInt")) - 1 if kind.startswith("UInt") else None
    low = max((item.ge for item in metadata if isinstance(item, Ge)), default=None)  # type: ignore[type-var]
    high = min((item.le for item in metadata if isinstance(item, Le)), default=None)  # type: ignore[type-var]
    if top is None or low is None or high is None or not (low >= 0 and high <= top):
        raise ConfigurationError(
            f"{where}: its column {kind} holds 0 to {top}, its bounds are {low} to {high}; declare it as UInt8, UInt16 "
            "or UInt32, or with `Field(ge=..., le=...)` within these"
        )


def _check_keys(spec: EventSpec) -> None:
    if not spec.keys:
        wanted = " or ".join(TOPICS[spec.topic].keys)
        raise ConfigurationError(
            f"{spec.model.__name__}: topic {spec.topic} is keyed by {wanted}; declare that field or choose "
            "another topic"
        )


def _derived_rules(spec: EventSpec) -> Iterator[Rule]:
    """Rules that follow from the kinds of field."""
    if spec.amounts:
        if "currency" not in spec.fields:
            raise ConfigurationError(
                f"{spec.model.__name__}: {spec.amounts[0]} is money without a currency; declare `currency: Currency`"
            )
        yield scale_fits(*spec.amounts)
