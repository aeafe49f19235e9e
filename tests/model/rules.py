"""The rules that the model can do without, one at a time, to show what each is for."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Rules:
    """All are kept by default. Names in brackets are those of docs/exactly-once.md."""

    valid: bool = True
    """[The chain] A record is valid only if it names the last valid one and begins where that ends."""
    gaps: bool = True
    """[R2, R3] What is lost between fetch and shard is fetched again; else a range holds what arrived."""
    cut: bool = True
    """[R4] A log that does not hold the witness stops the shard; else the chain begins anew."""
    second: bool = True
    """[Step 1] Whoever recovers delivers the last batch again; else it is taken for delivered."""
    acknowledged: bool = True
    """[Step 4] All is acknowledged before the next record is proposed."""
    counted: bool = True
    """[R6] After an unknown outcome the rows are counted; else ClickHouse's answer to the repetition is believed."""
    window: bool = True
    """[R8] A token is remembered for longer than its batch can be delivered."""
    fresh: bool = True
    """[R8] ClickHouse itself refuses an aged block; else only the worker looks at its age."""
    settle: bool = True
    """[R8] Rows are counted when no query of the record runs any more."""
    missing: bool = True
    """[R8] A superseding record delivers what is missing; else all of it."""
    token: bool = True
    """[R9] ClickHouse takes the block of a token once."""
    record: bool = True
    """[R11] A second delivery follows the record; else the worker's own opinion."""

    def without(self, name: str) -> "Rules":
        """The rules but one."""
        return replace(self, **{name: False})


NAMES = [field.name for field in fields(Rules)]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a world is searched."""

    offsets: int = 2
    """Records of the source topic."""
    clock: int = 3
    """How often time passes. A batch is aged after two."""
    proposals: int = 2
    """Records that one worker proposes at most, over all its lives."""
    faults: int = 1
    """Deaths, lost answers, appends held back, fetched records dropped, a log that is cut."""
