"""Kafka Streams, the strong outsider: one Java source file, run by the JDK that is there."""
