"""Topics and the log of intents, cut or created anew: what a shard gets over, and what a person has to mend."""

import asyncio

from streams.errors import LogCut, SourceCut
from streams.topics import source_topics
from tests.faults import groups, senders, topics
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import Site
from tests.support.waiting import until

SAMPLED = "rides.location"
"""What is sent to it is left out in part."""
UNTAKEN = 200
NEWEST = "SELECT shard, argMax(intent_offset, intent) FROM delivered GROUP BY shard"


def _topic(fault: Fault) -> str:
    """One of the source topics."""
    names = [name for name in source_topics() if name != SAMPLED]
    return names[int(fault.pick * 1000) % len(names)]


def _rest(site: Site) -> None:
    """Nobody sends, all that was sent is delivered, and all of it is judged."""
    site.cease()
    site.wait_delivered()
    site.judge_all()


@kind("topics", "intents-cut-head", "the log of intents is cut up to a void record, and all workers are killed", (0, 3))
def cut_head(site: Site, _: Fault) -> End:
    """What is left begins with rubbish and a record that follows nobody; what ClickHouse testifies to lies behind."""
    void = asyncio.run(groups.void_intents(site.settings))

    def passed() -> bool:
        newest = dict(map(tuple, site.ask(NEWEST)))
        return all(newest.get(shard, 0) > offset for shard, offset in void.items())

    until("every shard to deliver a batch after the void records", passed, 120)
    asyncio.run(site.left_out.read())
    asyncio.run(topics.cut(site.settings, site.settings.kafka_intents_topic, void))
    for hand in site.hands:
        hand.worker.kill()
    return site.start_all


@kind(
    "topics", "intents-recreated", "the log of intents is deleted and created anew; repaired", short_age=True, long=True
)
def recreate_intents(site: Site, fault: Fault) -> End:
    """Under running workers, whose next records come first in it, or while they are stopped."""
    _rest(site)
    running = fault.pick < 0.5
    if not running:
        site.stop_all()
    asyncio.run(topics.create_anew(site.settings, [site.settings.kafka_intents_topic]))
    site.left_out.created_anew(sources_too=False)
    if not running:
        site.start_all()
    site.send()
    site.repair(LogCut.__name__)
    return nothing


@kind("topics", "source-recreated", "a source topic is deleted and created anew; repaired", short_age=True, long=True)
def recreate_source(site: Site, fault: Fault) -> End:
    """Under running workers, or while they are stopped; its offsets begin at 0 again."""
    _rest(site)
    site.left_out.set_apart()
    topic, running = _topic(fault), fault.pick < 0.5
    ends = asyncio.run(topics.ends(site.settings, topic))
    if not running:
        site.stop_all()
    asyncio.run(topics.create_anew(site.settings, [topic]))
    site.oracle.created_anew(topic)
    if not running:
        site.start_all()
    site.repair(SourceCut.__name__, shards=sum(end > 0 for end in ends.values()))
    site.send()
    return nothing


@kind("topics", "source-cut", "retention passes records that nobody has taken; repaired", short_age=True, long=True)
def cut_source(site: Site, fault: Fault) -> End:
    """They are lost, and the repair counts them."""
    _rest(site)
    topic = _topic(fault)
    site.stop_all()
    sent = asyncio.run(senders.untaken(site.settings, fault.number, topic, UNTAKEN))
    ends = asyncio.run(topics.ends(site.settings, topic))
    asyncio.run(topics.cut(site.settings, topic, ends))
    site.oracle.passes_over(topic, ends)
    site.start_all()
    told = sum(each["lost"] for each in site.repair(SourceCut.__name__, "--skip-lost"))
    if told != sent:
        site.problems.append(f"fault {fault.number}: {sent} records of {topic} were lost, the repair tells {told}")
    site.send()
    return nothing


@kind(
    "topics", "broker-forgets", "a second start: a broker that holds nothing, ClickHouse on its old folder", long=True
)
def forget(site: Site, _: Fault) -> End:
    """As the embedded stack starts: every shard begins a new chain by itself."""
    forgotten(site)
    site.start_all(KAFKA_FORGETS="true")
    site.send()
    return nothing


def forgotten(site: Site) -> None:
    """All workers stop, and the broker forgets topics and group."""
    _rest(site)
    site.stop_all()
    asyncio.run(groups.delete(site.settings))
    asyncio.run(topics.create_anew(site.settings, topics.everything(site.settings)))
    site.oracle.created_anew(*source_topics())
    site.left_out.created_anew(sources_too=True)
