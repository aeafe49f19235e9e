"""Funnels, retention, cohorts and paths in plain Python, by trying every way there is; for journeys of a few events."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, groupby, pairwise, permutations, product
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Done:
    """One event of a person."""

    person: str
    at: datetime
    type: str
    device: str = ""
    amount: Decimal = Decimal(0)
    currency: str = ""


Journey = Sequence[Done]
Match = Callable[[Done], bool]


@dataclass(frozen=True)
class Asked:
    """A funnel, as its words say it."""

    steps: Sequence[Match]
    window: timedelta
    begin: datetime
    end: datetime
    order: str = "ordered"
    exclude: Match = field(default=lambda _: False)


def persons(events: Sequence[Done]) -> dict[str, list[Done]]:
    """Each person's events, the oldest first."""
    found: dict[str, list[Done]] = {}
    for event in sorted(events, key=lambda each: each.at):
        found.setdefault(event.person, []).append(event)
    return found


def took(asked: Asked, journey: Journey) -> list[timedelta]:
    """The shortest time to each step that the person came to."""
    found = []
    for count in range(1, len(asked.steps) + 1):
        spans = [max(at) - min(at) for way in _ways(asked, journey, count) for at in [[each.at for each in way]]]
        if not spans:
            break
        found.append(min(spans))
    return found


def _ways(asked: Asked, journey: Journey, count: int) -> Iterator[Journey]:
    """Every choice of events for so many steps that the words allow."""
    for way in {"ordered": _ordered, "strict": _strict, "any": _any}[asked.order](asked, journey, count):
        first, last = min(each.at for each in way), max(each.at for each in way)
        if (
            asked.begin <= first < asked.end
            and last - first <= asked.window
            and not any(asked.exclude(each) and first < each.at < last for each in journey)
        ):
            yield way


def _ordered(asked: Asked, journey: Journey, count: int) -> Iterator[Journey]:
    for way in permutations(journey, count):
        if all(one.at <= two.at for one, two in pairwise(way)) and _fits(asked.steps, way):
            yield way


def _strict(asked: Asked, journey: Journey, count: int) -> Iterator[Journey]:
    for row in _rows(journey):
        for place in range(len(row) - count + 1):
            way = row[place : place + count]
            if _fits(asked.steps, way):
                yield way


def _any(asked: Asked, journey: Journey, count: int) -> Iterator[Journey]:
    for steps in combinations(asked.steps, count):
        yield from (way for way in permutations(journey, count) if _fits(steps, way))


def _rows(journey: Journey) -> Iterator[Journey]:
    """Every order in which the events may have happened: those of one moment in any."""
    moments = [[*group] for _, group in groupby(journey, key=lambda each: each.at)]
    for orders in product(*(permutations(moment) for moment in moments)):
        yield [event for order in orders for event in order]


def _fits(steps: Sequence[Match], way: Journey) -> bool:
    return all(match(event) for match, event in zip(steps, way, strict=False))


def first_value(journey: Journey, match: Match, begin: datetime, end: datetime) -> str:
    """The device of the first event that matches; of several at that moment the least."""
    return min((each.at, each.device) for each in journey if match(each) and begin <= each.at < end)[1]


def period(at: datetime, granularity: str, zone: ZoneInfo) -> date:
    """The first day of the period that a moment lies in."""
    day = at.astimezone(zone).date()
    if granularity == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "month" else day


def later(start: date, granularity: str, count: int) -> date:
    """The first day of the period so many periods later."""
    if granularity == "month":
        months = start.year * 12 + start.month - 1 + count
        return date(months // 12, months % 12 + 1, 1)
    return start + timedelta(days=count * (7 if granularity == "week" else 1))


def beginnings(
    journey: Journey, start: Match, begin: datetime, end: datetime, kind: str, cut: Callable[[datetime], date]
) -> dict[date, Done]:
    """The periods to which a person belongs, with the first start in each."""
    own = [each for each in journey if start(each) and each.at < end]
    if kind == "first":
        return {cut(own[0].at): own[0]} if own and own[0].at >= begin else {}
    found: dict[date, Done] = {}
    for each in own:
        if each.at >= begin:
            found.setdefault(cut(each.at), each)
    return found


def returned(
    journey: Journey, first: Done, back: Match, count: int, granularity: str, cut: Callable[[datetime], date]
) -> set[int]:
    """The periods after the first start in which the person came back, up to `count`; 0 is that of the start."""
    found = set()
    for number in range(count + 1):
        wanted = later(cut(first.at), granularity, number)
        if any(back(each) and each is not first and cut(each.at) == wanted and each.at >= first.at for each in journey):
            found.add(number)
    return found


def path(
    journey: Journey,
    anchor: Match,
    begin: datetime,
    end: datetime,
    window: timedelta,
    depth: int,
    before: bool,
    repeats: bool,
    leave_out: Sequence[str],
) -> list[str] | None:
    """The types of a person's path; those of one moment in the order of the alphabet, behind or before the anchor."""
    at = [each.at for each in journey if anchor(each) and begin <= each.at < end]
    if not at:
        return None
    side = [each for each in journey if each.type not in leave_out or anchor(each)]
    ordered = sorted(side, key=lambda each: (each.at, anchor(each) if before else not anchor(each), each.type))
    place = next(n for n, each in enumerate(ordered) if anchor(each) and each.at == at[0])
    if before:
        ordered, place = ordered[::-1], len(ordered) - 1 - place
    types: list[str] = []
    for each in ordered[place:]:
        if abs(each.at - at[0]) <= window and (repeats or not types or types[-1] != each.type):
            types.append(each.type)
    return types[:depth][::-1] if before else types[:depth]
