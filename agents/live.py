"""What a shard says of itself beside its numbers."""

from typing import Protocol

from agents.shard import Shard
from tables.wire import Status


class Ends(Protocol):
    """Tells the ends of a shard's topics."""

    def ends(self, shard: int) -> dict[str, int | None]: ...


def lag(shard: Shard, group: Ends) -> dict[str, int]:
    """Per topic the records that no valid intent has taken."""
    last = shard.proposer.chain.last
    taken = last.ends if last is not None else {}
    return {topic: max(0, end - taken.get(topic, 0)) for topic, end in group.ends(shard.number).items() if end}


def status_of(shard: Shard, group: Ends, now: int, worker: str) -> Status:
    """The shard's status; `now` in milliseconds since 1970."""
    taken = shard.proposer.last.ends
    return Status(
        as_of=now,
        watermark=shard.watermark,
        seq=shard.proposer.last.seq,
        state=str(shard.state),
        lag=sum(lag(shard, group).values()),
        freshness_p95=shard.freshness,
        late=shard.windows.panes.late.total(),
        rows=dict(shard.rows),
        domains=sorted({topic.partition(".")[0] for topic, end in taken.items() if end}),
        dead=dict(shard.dead),
        sessions={each.session.name: each.active for each in shard.windows.sessions},
        worker=worker,
    )
