"""A plain loop over confluent-kafka."""
