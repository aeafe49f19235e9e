"""What all tests share: the embedded stack, Apache Kafka, and how a missing tool is met."""

pytest_plugins = ["tests.support.stack"]
