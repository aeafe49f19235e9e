"""`millrace topics`: creates the Kafka topics that this version needs, and shows them."""

import asyncio

import typer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.errors import ConfigurationError, SinkUnavailable
from streams.settings import Settings, load
from streams.topics import ALERT_CONFIG, DEAD_LETTER_CONFIG, INTENTS_CONFIG, SOURCE_CONFIG, source_topics

app = typer.Typer(no_args_is_help=True, help="Create, show and check the Kafka topics.")

ANSWER_MILLISECONDS = 20_000
IN_SYNC = 2


def wanted(settings: Settings) -> dict[str, dict[str, str]]:
    """Every topic by name, with the configuration that it is created with."""
    intents = dict(INTENTS_CONFIG)
    if settings.kafka_replication_factor >= IN_SYNC:
        intents |= {"min.insync.replicas": str(IN_SYNC), "unclean.leader.election.enable": "false"}
    return dict.fromkeys(source_topics(), SOURCE_CONFIG) | {
        settings.kafka_intents_topic: intents,
        settings.kafka_dead_letter_topic: DEAD_LETTER_CONFIG,
        settings.kafka_alert_topic: ALERT_CONFIG,
    }


async def create(settings: Settings) -> list[str]:
    """Create the topics that are missing and return their names; those that exist are left as they are.

    Raises SinkUnavailable where the broker cannot be reached, ConfigurationError where it refuses a topic.
    """
    servers = settings.kafka_bootstrap_servers or "localhost:9092"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=ANSWER_MILLISECONDS)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = {name: config for name, config in wanted(settings).items() if name not in existing}
        if not missing:
            return []
        answer = await admin.create_topics(
            [
                NewTopic(name, settings.kafka_partitions, settings.kafka_replication_factor, topic_configs=config)
                for name, config in missing.items()
            ]
        )
        refused = {name: (code, text) for name, code, *text in answer.topic_errors if code}
        # A broker of a cluster knows a new topic a moment later than the one that made it.
        while not missing.keys() - refused.keys() <= set(await admin.list_topics()):  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.05)
    except KafkaError as error:
        raise SinkUnavailable(f"KAFKA_BOOTSTRAP_SERVERS={servers} does not create topics: {error!r}") from error
    finally:
        await admin.close()
    for name, (code, text) in refused.items():
        # Somebody else may have created it meanwhile.
        if code != TopicAlreadyExistsError.errno:
            raise ConfigurationError(f"The broker refuses topic {name}: {for_code(code).__name__} {text}")
    return list(missing)


@app.callback()
def topics() -> None:
    """Create, show and check the Kafka topics."""


@app.command("create")
def create_topics() -> None:
    """Create the topics that are missing, with KAFKA_PARTITIONS partitions and KAFKA_REPLICATION_FACTOR replicas.

    Those that exist are left as they are, and checked as by `millrace topics check`.
    """
    settings = load()
    created = asyncio.run(create(settings))
    for name in created:
        typer.echo(f"created {name} with {settings.kafka_partitions} partitions")
    _check(settings)
    if not created:
        typer.echo("all topics exist")


@app.command("list")
def list_topics() -> None:
    """Print every topic that this version uses, and the configuration it is created with."""
    for name, config in wanted(load()).items():
        typer.echo(f"{name}\t{','.join(f'{key}={value}' for key, value in config.items())}")


@app.command("check")
def check_topics() -> None:
    """Say whether every topic is there, with one partition count and a log of intents that lasts; else what to do."""
    settings = load()
    _check(settings)
    typer.echo(f"all {len(wanted(settings))} topics are as this version needs them")


def _check(settings: Settings) -> None:
    # Loads the worker's parts, which listing topics does not need.
    from agents.preflight import check_topics as check

    asyncio.run(check(settings, source_topics()))
