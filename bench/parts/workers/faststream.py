"""FastStream with a batch subscriber, acknowledged after the work."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

from bench.parts import lap as laps
from bench.peers.job import BATCH_ROWS
from streams.topics import source_topics

lap = laps.given()
broker = KafkaBroker(lap.place.servers, logger=None, apply_types=False)
app = FastStream(broker, logger=None)
_topic = attrgetter("topic")


async def records(message: KafkaMessage) -> Any:
    """Hand the records over as they were fetched."""
    return message.raw_message


@broker.subscriber(
    *source_topics(),
    group_id=lap.place.group,
    batch=True,
    max_records=BATCH_ROWS,
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
    decoder=records,
)
async def work(fetched: Sequence[Any]) -> None:
    """One batch."""
    lap.take((topic, [record.value for record in group]) for topic, group in groupby(fetched, _topic))


def main() -> None:
    """Run until the process is ended."""
    lap.ready()
    uvloop.run(app.run())


if __name__ == "__main__":
    main()
