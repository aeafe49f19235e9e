"""A plain loop over aiokafka."""
