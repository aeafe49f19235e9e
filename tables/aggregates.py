"""What a window counts. Each aggregate says how it takes events, how two states merge, and how SQL rebuilds it.

A state is plain data (integers, dictionaries, sets), so that a state built from events, from rows of ClickHouse
(R12), or from the panes of several shards is the same, whatever the order: sums are integers of a stated scale,
never floats.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from streams.events.currencies import MINOR_UNITS
from tables import bins, frequent, sketch

Values = Sequence[Any]
"""Values of one column over some events; None where an event has none."""

SCALE = 4
"""Digits after the point that sums keep."""
WEIGHT = 1_000_000
"""One event, in the integer weights of sampled counts."""
_ONE: int = 10**SCALE
_ZERO = Decimal()
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Aggregate(ABC):
    """One measure of a window."""

    name: str
    on: tuple[str, ...] = ()
    """Event types that it looks at; empty: all of the window's."""
    doc: str = ""
    unit: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads, by their names in ClickHouse."""
        return ()

    @property
    def parts(self) -> str:
        """What its answer is taken apart by, as in `currency=USD`; empty where it is a single number."""
        return ""

    @property
    def part_values(self) -> tuple[str, ...]:
        """Everything that `parts` may be."""
        return ()

    @property
    def subtracts(self) -> bool:
        """Whether `minus` can be asked."""
        return type(self).minus is not Aggregate.minus

    def minus(self, state: Any, other: Any) -> Any:
        """`state` as if `other` had never been merged into it; None where nothing is left."""
        raise TypeError(f"{type(self).__name__} cannot take back {other!r}")

    @abstractmethod
    def fold(self, columns: Sequence[Values], weight: int) -> Any:
        """The state of some events. `columns` as in `columns`, or one column of anything where it reads none."""

    @abstractmethod
    def merge(self, state: Any, other: Any) -> Any:
        """Both together; neither argument is changed."""

    @property
    def rebuilds(self) -> bool:
        """Whether `sql` can be asked."""
        return type(self).sql is not Aggregate.sql

    def sql(self, condition: str) -> str:
        """A ClickHouse aggregate over the rows that meet `condition`; `load` reads its value."""
        raise TypeError(f"{type(self).__name__} is not counted from rows, so not from those that meet {condition!r}")

    def load(self, value: Any) -> Any:
        """The state of an SQL partial; None where it saw no row."""
        return value or None

    def encode(self, state: Any) -> Any:
        """The state as JSON can hold it, names of objects in any order. An integer is not asked: it stays as it is."""
        return state

    def decode(self, value: Any) -> Any:
        """The state that `encode` wrote."""
        return value

    @abstractmethod
    def answer(self, state: Any, seconds: int) -> Any:
        """What a person is shown, of a window of so many seconds; `state` may be None: nothing was seen."""


@dataclass(frozen=True, slots=True)
class Count(Aggregate):
    """Events. With `weighted` a sampled event counts as the 1 / rate events that it stands for."""

    weighted: bool = False

    def fold(self, columns: Sequence[Values], weight: int) -> int:
        """As Aggregate."""
        return len(columns[0]) * (weight if self.weighted else 1)

    def merge(self, state: int, other: int) -> int:
        """As Aggregate."""
        return state + other

    def minus(self, state: int, other: int) -> int | None:
        """As Aggregate."""
        return state - other or None

    def sql(self, condition: str) -> str:
        """Rebuilt by count, or the sum of integer weights."""
        if self.weighted:
            return f"sumIf(toInt64(round({WEIGHT} / sample_rate)), {condition})"
        return f"toInt64(countIf({condition}))"

    def answer(self, state: int | None, seconds: int) -> int:
        """The number of events."""
        return round((state or 0) / WEIGHT) if self.weighted else state or 0


@dataclass(frozen=True, slots=True)
class Rate(Count):
    """Events a second over the window; the state is that of Count."""

    def answer(self, state: int | None, seconds: int) -> float:  # type: ignore[override]  # a rate is no whole number
        """Events a second."""
        return (state or 0) / (WEIGHT if self.weighted else 1) / seconds


@dataclass(frozen=True, slots=True)
class _OfColumn(Aggregate):
    column: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """As Aggregate."""
        return (self.column,)


@dataclass(frozen=True, slots=True)
class Within(_OfColumn):
    """Ended sessions whose number is neither below `least` nor above `most`.

    No statement makes it again: sessions are made from rows, and it is folded from them once more.
    """

    least: float = -math.inf
    most: float = math.inf

    def fold(self, columns: Sequence[Values], weight: int) -> int | None:
        """As Aggregate."""
        return sum(1 for value in columns[0] if value is not None and self.least <= value <= self.most) or None

    def merge(self, state: int, other: int) -> int:
        """As Aggregate."""
        return state + other

    def minus(self, state: int, other: int) -> int | None:
        """As Aggregate."""
        return state - other or None

    def answer(self, state: int | None, seconds: int) -> int:
        """How many."""
        return state or 0


@dataclass(frozen=True, slots=True)
class Money(_OfColumn):
    """Sum of amounts, per currency; never across currencies."""

    @property
    def columns(self) -> tuple[str, ...]:
        """As Aggregate."""
        return (self.column, "currency")

    @property
    def parts(self) -> str:
        """As Aggregate."""
        return "currency"

    @property
    def part_values(self) -> tuple[str, ...]:
        """As Aggregate: every active currency."""
        return tuple(MINOR_UNITS)

    def fold(self, columns: Sequence[Values], weight: int) -> dict[str, int] | None:
        """As Aggregate."""
        sums: dict[str, Decimal] = {}
        for amount, currency in zip(*columns, strict=True):
            if amount is not None:
                sums[currency] = sums.get(currency, _ZERO) + amount
        # An amount has 18 digits at most, so a sum of ten thousand million of them is exact in the 28 that are kept.
        return _nonzero({currency: int(total.scaleb(SCALE)) for currency, total in sums.items()})

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int] | None:
        """As Aggregate; a currency whose sum is zero is left out, as ClickHouse does."""
        return _nonzero(_added(state, other))

    def sql(self, condition: str) -> str:
        """Rebuilt by a sum of exact integers for each currency."""
        amount = f"toInt64(toDecimal128(assumeNotNull({self.column}), {SCALE}) * {_ONE})"
        return f"sumMapIf([ifNull(currency, '')], [{amount}], ({condition}) AND {self.column} IS NOT NULL)"

    def load(self, value: Any) -> dict[str, int] | None:
        """As Aggregate."""
        return {key: int(amount) for key, amount in zip(*value, strict=True)} or None

    def answer(self, state: dict[str, int] | None, seconds: int) -> dict[str, Decimal]:
        """Amount by currency."""
        return {currency: Decimal(amount).scaleb(-SCALE) for currency, amount in sorted((state or {}).items())}


@dataclass(frozen=True, slots=True)
class Sum(_OfColumn):
    """Sum of numbers, kept with four digits after the point."""

    def fold(self, columns: Sequence[Values], weight: int) -> int | None:
        """As Aggregate; a sum of zero is no state, as `load` has it."""
        return sum(round(value * _ONE) for value in columns[0] if value is not None) or None

    def merge(self, state: int, other: int) -> int | None:
        """As Aggregate."""
        return state + other or None

    def sql(self, condition: str) -> str:
        """Rebuilt by a sum of rounded integers."""
        return f"sumIf(toInt64(round(ifNull({self.column}, 0) * {_ONE})), {condition})"

    def answer(self, state: int | None, seconds: int) -> float:
        """The sum."""
        return (state or 0) / _ONE


@dataclass(frozen=True, slots=True)
class Mean(_OfColumn):
    """Mean of numbers; the state is (sum, count)."""

    def fold(self, columns: Sequence[Values], weight: int) -> tuple[int, int] | None:
        """As Aggregate."""
        given = [round(value * _ONE) for value in columns[0] if value is not None]
        return (sum(given), len(given)) if given else None

    def merge(self, state: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
        """As Aggregate."""
        return (state[0] + other[0], state[1] + other[1])

    def minus(self, state: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
        """As Aggregate."""
        return (state[0] - other[0], state[1] - other[1]) if state[1] > other[1] else None

    def sql(self, condition: str) -> str:
        """Rebuilt by sum and count."""
        given = f"({condition}) AND {self.column} IS NOT NULL"
        return f"(sumIf(toInt64(round(ifNull({self.column}, 0) * {_ONE})), {given}), toInt64(countIf({given})))"

    def load(self, value: Any) -> tuple[int, int] | None:
        """As Aggregate."""
        return (int(value[0]), int(value[1])) if value[1] else None

    def decode(self, value: Any) -> tuple[int, int]:
        """As Aggregate."""
        return (value[0], value[1])

    def answer(self, state: tuple[int, int] | None, seconds: int) -> float | None:
        """The mean; None over nothing."""
        return state[0] / state[1] / _ONE if state else None


@dataclass(frozen=True, slots=True)
class _Extreme(_OfColumn):
    def fold(self, columns: Sequence[Values], weight: int) -> int | None:
        """As Aggregate."""
        given = [round(value * _ONE) for value in columns[0] if value is not None]
        return self._of(given) if given else None

    def merge(self, state: int, other: int) -> int:
        """As Aggregate."""
        return self._of((state, other))

    def load(self, value: Any) -> int | None:
        """As Aggregate; zero is a value here."""
        return None if value is None else int(value)

    def answer(self, state: int | None, seconds: int) -> float | None:
        """The value; None over nothing."""
        return None if state is None else state / _ONE

    @abstractmethod
    def _of(self, values: Collection[int]) -> int: ...

    def _sql(self, function: str, condition: str) -> str:
        return (
            f"{function}OrNullIf(toInt64(round({self.column} * {_ONE})), ({condition}) AND {self.column} IS NOT NULL)"
        )


@dataclass(frozen=True, slots=True)
class Min(_Extreme):
    """Smallest value."""

    def _of(self, values: Collection[int]) -> int:
        return min(values)

    def sql(self, condition: str) -> str:
        """Rebuilt by min."""
        return self._sql("min", condition)


@dataclass(frozen=True, slots=True)
class Max(_Extreme):
    """Largest value."""

    def _of(self, values: Collection[int]) -> int:
        return max(values)

    def sql(self, condition: str) -> str:
        """Rebuilt by max."""
        return self._sql("max", condition)


@dataclass(frozen=True, slots=True)
class Distinct(_OfColumn):
    """Distinct values; exact below `sketch.SIZE`, then with the sketch's stated error."""

    also: str = ""
    """A second column, whose values count with the first one's: people are riders and drivers."""
    without: str = ""
    """A column that must be empty: drivers `without` a trip_id are free."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The hashes of the columns' values: many measures share them."""
        return (*(f"#{name}" for name in self._counted), *((self.without,) if self.without else ()))

    @property
    def _counted(self) -> tuple[str, ...]:
        return (self.column, self.also) if self.also else (self.column,)

    def fold(self, columns: Sequence[Values], weight: int) -> set[int] | None:
        """As Aggregate."""
        if self.without:
            *counted, others = columns
            hashes = {value for each in counted for value, other in zip(each, others, strict=True) if not other}
        else:
            hashes = set().union(*columns)
        hashes.discard(None)
        return sketch.trimmed(hashes) or None

    def merge(self, state: set[int], other: set[int]) -> set[int]:
        """As Aggregate."""
        return sketch.union(state, other)

    def sql(self, condition: str) -> str:
        """Rebuilt by the smallest hashes, which ClickHouse computes as we do."""
        values = ", ".join(f"ifNull({name}, '')" for name in self._counted)
        given = f"arrayFilter(value -> value != '', [{values}])"
        empty = f" AND ifNull({self.without}, '') = ''" if self.without else ""
        hashes = f"arrayMap(value -> xxHash64(value), {given})"
        return f"arraySlice(arraySort(groupUniqArrayArrayIf({hashes}, ({condition}){empty})), 1, {sketch.SIZE})"

    def load(self, value: Any) -> set[int] | None:
        """As Aggregate."""
        return {int(each) for each in value} or None

    def encode(self, state: set[int]) -> list[str]:
        """Hexadecimal: a reader in JavaScript has no 64-bit integers."""
        return sketch.digits(state)

    def decode(self, value: Any) -> set[int]:
        """As Aggregate."""
        return {int(each, 16) for each in value}

    def answer(self, state: set[int] | None, seconds: int) -> int:
        """How many."""
        return sketch.estimate(state) if state else 0


@dataclass(frozen=True, slots=True)
class Quantiles(_OfColumn):
    """Quantiles of whole numbers to 1 % of the value (DDSketch, Masson et al., 2019): a count for each bin."""

    of: tuple[float, ...] = (0.5, 0.95)

    @property
    def parts(self) -> str:
        """As Aggregate: a value for each quantile, called `part`."""
        return "part"

    @property
    def part_values(self) -> tuple[str, ...]:
        """As Aggregate, such as `p50` and `p95`."""
        return tuple(f"p{round(100 * share)}" for share in self.of)

    def fold(self, columns: Sequence[Values], weight: int) -> dict[int, int] | None:
        """As Aggregate."""
        return bins.cut(Counter(int(value) for value in columns[0] if value is not None)) or None

    def merge(self, state: dict[int, int], other: dict[int, int]) -> dict[int, int]:
        """As Aggregate."""
        return _added(state, other)

    def minus(self, state: dict[int, int], other: dict[int, int]) -> dict[int, int] | None:
        """As Aggregate."""
        left = _added(state, {key: -count for key, count in other.items()})
        return {key: count for key, count in left.items() if count} or None

    def sql(self, condition: str) -> str:
        """Rebuilt from the count of each value; the bins are cut here, so that both ways round alike."""
        value = f"toInt64(ifNull({self.column}, 0))"
        return f"sumMapIf([{value}], [toUInt64(1)], ({condition}) AND {self.column} IS NOT NULL)"

    def load(self, value: Any) -> dict[int, int] | None:
        """As Aggregate."""
        return bins.cut({int(key): int(count) for key, count in zip(*value, strict=True)}) or None

    def encode(self, state: dict[int, int]) -> list[list[int]]:
        """As Aggregate."""
        return [[key, count] for key, count in sorted(state.items())]

    def decode(self, value: Any) -> dict[int, int]:
        """As Aggregate."""
        return {key: count for key, count in value}  # noqa: C416  # pairs are lists

    def answer(self, state: dict[int, int] | None, seconds: int) -> dict[str, float | None]:
        """Value by quantile, such as {"p50": 12.1, "p95": 40.7}."""
        return {part: bins.quantile(state or {}, share) for part, share in zip(self.part_values, self.of, strict=True)}


@dataclass(frozen=True, slots=True)
class Top(_OfColumn):
    """The most frequent values: exact up to `frequent.MOST` different ones, then short by 0.1 % of all at most."""

    n: int = 10

    def fold(self, columns: Sequence[Values], weight: int) -> dict[str, int] | None:
        """As Aggregate."""
        return frequent.trimmed(dict(Counter(value for value in columns[0] if value))) or None

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        """As Aggregate."""
        return frequent.trimmed(_added(state, other))

    def sql(self, condition: str) -> str:
        """Rebuilt by a count for each value, of which the most frequent are sent."""
        value = f"ifNull({self.column}, '')"
        counts = f"sumMapIf([{value}], [toUInt64(1)], ({condition}) AND {value} != '')"
        ordered = f"arraySort(pair -> (-toInt64(pair.2), pair.1), arrayZip({counts}.1, {counts}.2))"
        return f"arraySlice({ordered}, 1, {frequent.MOST + 1})"

    def load(self, value: Any) -> dict[str, int] | None:
        """As Aggregate."""
        return frequent.trimmed({str(key): int(count) for key, count in value}) or None

    def answer(self, state: dict[str, int] | None, seconds: int) -> list[tuple[str, int]]:
        """The most frequent first; equals in the order of their names."""
        return sorted((state or {}).items(), key=lambda item: (-item[1], item[0]))[: self.n]


def _nonzero(sums: Mapping[str, int]) -> dict[str, int] | None:
    return {key: amount for key, amount in sums.items() if amount} or None


def _added(state: Mapping[K, int], other: Mapping[K, int]) -> dict[K, int]:
    both = dict(state)
    for key, value in other.items():
        both[key] = both.get(key, 0) + value
    return both
