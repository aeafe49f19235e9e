"""The embedded ClickHouse: the chdb engine behind ClickHouse's own HTTP interface, one process a data folder."""
