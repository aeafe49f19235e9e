"""What all tests share: the embedded stack, Apache Kafka, ZooKeeper, and how a missing tool is met."""

pytest_plugins = [
    "tests.support.store",
    "tests.support.tools",
    "tests.support.stack",
    "tests.support.kafka",
    "tests.support.zookeeper",
    "tests.support.buckets",
    "tests.support.live",
    "tests.support.metadata",
    "tests.support.clock",
    "tests.support.scheduling",
    "tests.support.posting",
    "tests.support.workers",
    "tests.support.metric_world",
    "tests.support.metric_client",
    "tests.support.ordering",
    "tests.support.fuzzed",
    "tests.support.journeys",
    "tests.support.browser",
    "tests.support.explored",
    "tests.support.order",
]
