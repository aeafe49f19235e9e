"""Rules that the model can do without, one at a time, to show what each is for, and how large a world is searched."""

from dataclasses import dataclass, fields, replace

Offsets = frozenset[int]
NOTHING: Offsets = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """All are kept by default. Names in brackets are those of docs/exactly-once.md."""

    valid: bool = True
    """[The chain] A record is valid only if it names the last valid one and begins where that ends."""
    gaps: bool = True
    """[R2] What is lost between fetch and shard is fetched again; else a range holds what arrived."""
    cut: bool = True
    """[R4] A log that does not hold the witness stops the shard; else the chain begins anew."""
    lasts: bool = True
    """[R5] The log outlasts its newest record, for a shard with nothing to do repeats an empty one."""
    second: bool = True
    """[Step 1] Whoever recovers delivers the last batch again; else it is taken for delivered."""
    acknowledged: bool = True
    """[Step 4] All is acknowledged before the next record is proposed."""
    counted: bool = True
    """[R6] After an unknown outcome the rows are counted; else ClickHouse's answer to the repetition is believed."""
    refused: bool = True
    """[R7] A row that ClickHouse refuses is told from the others; else its block is sent until it ages."""
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
    hold: bool = True
    """[R10] A view is made while the shards are held and nothing can be written; else beside the stream."""
    record: bool = True
    """[R11] A second delivery follows the record; else the worker's own opinion."""
    state: bool = True
    """[R12] Windows and the memory of repeats come from the rows; else from what an owner has told last."""
    stamp: bool = True
    """[R12] Live numbers of an older record than those that are told are refused."""

    def without(self, name: str) -> "Rules":
        """The rules but one."""
        return replace(self, **{name: False})


NAMES = [field.name for field in fields(Rules)]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a world is searched, and what there is in it beside log, table, clock and workers."""

    offsets: int = 2
    """Records of the source topic."""
    clock: int = 3
    """How often time passes. A batch is aged after two."""
    proposals: int = 2
    """Records that one worker proposes at most, over all its lives."""
    faults: int = 1
    """Deaths, lost answers, appends held back, fetched records dropped, a log that is cut."""
    refused: Offsets = NOTHING
    """Rows that ClickHouse does not take, though every worker would."""
    retention: int = 0
    """The log drops a record once it is older than this; 0: never."""
    view: bool = False
    """Somebody creates a view over the table in the middle, and fills it from the rows."""
    live: bool = False
    """Workers tell live numbers."""
    repeats: bool = False
    """The third record is the first one sent once more."""

    @property
    def remembers(self) -> bool:
        """Whether workers keep anything in memory of what was accepted."""
        return self.live or self.repeats

    def __str__(self) -> str:
        """What differs from the default."""
        other = (f"{f.name}={_word(getattr(self, f.name))}" for f in fields(self) if getattr(self, f.name) != f.default)
        return ",".join(other) or "default"


def _word(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value
