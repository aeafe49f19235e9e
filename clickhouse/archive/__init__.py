"""The archive: days beyond cold storage as Parquet files that were read back before the rows left ClickHouse."""
