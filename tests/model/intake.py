"""The way from Kafka into a shard as a model to search: two topics, two members of the group, positions and chunks.

What is proposed here is delivered at once; tests/model/delivery.py is about what may become of it. A chunk is one
record. Faust may drop it between fetch and shard, and moves the position on all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from tests.model.search import Model

TOPICS = (0, 1)
RECORDS = 2
"""Of each topic."""
Place = tuple[int, int]
"""Topic and offset."""
Ends = tuple[int, ...]
"""An offset by topic."""
BOTH = frozenset(TOPICS)
NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """All are kept by default."""

    whole: bool = True
    """[R1] A shard runs only where its partition of every topic is; else wherever one of them is."""
    gaps: bool = True
    """[R2] A chunk beyond the expected offset is sought back; else it is taken."""
    audit: bool = True
    """[R3] A position that has left what the shard holds is put back; else only the next chunk shows it."""

    def without(self, name: str) -> "Rules":
        """The rules but one."""
        return replace(self, **{name: False})


class Record(NamedTuple):
    """An intent: a range of every topic, and what its worker had of it."""

    starts: Ends
    ends: Ends
    taken: frozenset[Place]


class Member(NamedTuple):
    """One worker, as the group and the shard know it."""

    topics: frozenset[int] = NONE
    """Whose partition the group has given it."""
    runs: bool = False
    known: int = 0
    """Records of the chain that it knows of."""
    position: Ends = (0, 0)
    """What is fetched next."""
    held: Ends = (0, 0)
    """Where that ends which has reached the shard."""
    gathered: frozenset[Place] = frozenset()


class World(NamedTuple):
    """One state."""

    members: tuple[Member, Member] = (Member(), Member())
    chain: tuple[Record, ...] = ()
    void: int = 0
    faults: int = 1
    """How many may still happen."""
    failed: bool = False

    @property
    def ends(self) -> Ends:
        """Where the chain ends."""
        return self.chain[-1].ends if self.chain else (0, 0)


Happened = tuple[str, World]


def intake(rules: Rules, faults: int) -> Model[World]:
    """The model with these rules."""
    return Model(World(faults=faults), partial(after, rules=rules), partial(broken, rules=rules), complete)


def broken(world: World, rules: Rules) -> str:
    """Which promise a state breaks; empty if none."""
    for number, record in enumerate(world.chain, 1):
        span = {(topic, n) for topic in TOPICS for n in range(record.starts[topic], record.ends[topic])}
        if span != record.taken:
            return f"record {number} neither accepts nor refuses a part of its range"
    if world.void and not world.failed:
        return "a record is void, and nothing has failed: two workers move one shard"
    if not complete(world) and not any(after(world, rules)):
        return "nothing can happen any more, and not all was taken"
    return ""


def complete(world: World) -> bool:
    """Whether all records were taken."""
    return world.ends == (RECORDS, RECORDS)


def after(world: World, rules: Rules) -> Iterator[Happened]:
    """Every state that may follow."""
    yield from _group(world)
    for number, member in enumerate(world.members):
        enough = member.topics == BOTH if rules.whole else bool(member.topics)
        if member.runs:
            for topic in member.topics:
                yield from _fetch(world, rules, number, topic)
            yield from _propose(world, number)
        elif enough:
            ends = world.ends
            starts = member._replace(runs=True, known=len(world.chain), position=ends, held=ends, gathered=frozenset())
            yield f"member {number} recovers", _with(world, number, starts)


def _with(world: World, number: int, member: Member, **changes: object) -> World:
    members = tuple(member if n == number else each for n, each in enumerate(world.members))
    return world._replace(members=members, **changes)  # type: ignore[arg-type]


def _group(world: World) -> Iterator[Happened]:
    """The group gives the partitions out: to one, or, as an assignor for each topic by itself does, to both."""
    topics = tuple(member.topics for member in world.members)
    split = topics == (frozenset({0}), frozenset({1}))
    if topics == (NONE, NONE):
        yield "the group gives a topic to each", _given(world, (frozenset({0}), frozenset({1})))
    if topics == (NONE, NONE) or split:
        yield "the group gives both topics to member 0", _given(world, (BOTH, NONE))
        yield "the group gives both topics to member 1", _given(world, (NONE, BOTH))
    elif world.faults:
        moved = _given(world, (topics[1], topics[0]))
        yield "the shard moves to the other member", moved._replace(faults=world.faults - 1, failed=True)


def _given(world: World, topics: tuple[frozenset[int], frozenset[int]]) -> World:
    """Eager: whoever had anything has let it go before."""
    return world._replace(members=(Member(topics[0]), Member(topics[1])))


def _at(ends: Ends, topic: int, offset: int) -> Ends:
    return tuple(offset if each == topic else end for each, end in enumerate(ends))


def _fetch(world: World, rules: Rules, number: int, topic: int) -> Iterator[Happened]:
    member = world.members[number]
    offset, held = member.position[topic], member.held[topic]
    if rules.audit and offset > held:
        back = member._replace(position=_at(member.position, topic, held))
        yield f"member {number} puts its position back", _with(world, number, back)
    if offset == RECORDS:
        return
    further = member._replace(position=_at(member.position, topic, offset + 1))
    if rules.gaps and offset > held:
        back = member._replace(position=_at(member.position, topic, held))
        yield f"member {number} sees a gap", _with(world, number, back)
    else:
        taken = further._replace(held=_at(member.held, topic, offset + 1), gathered=member.gathered | {(topic, offset)})
        yield f"member {number} takes a chunk", _with(world, number, taken)
    if world.faults:
        yield (
            f"a chunk of member {number} is dropped",
            _with(world, number, further, faults=world.faults - 1, failed=True),
        )


def _propose(world: World, number: int) -> Iterator[Happened]:
    member = world.members[number]
    if not member.gathered:
        return
    if member.known != len(world.chain):
        yield (
            f"member {number} appends a void record and lets go",
            _with(world, number, Member(member.topics), void=world.void + 1),
        )
        return
    record = Record(world.ends, member.held, member.gathered)
    known = member._replace(known=member.known + 1, gathered=frozenset())
    yield f"member {number} appends a valid record", _with(world, number, known, chain=(*world.chain, record))
