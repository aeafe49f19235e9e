"""Begin a new chain of intents where the old one cannot be followed any more (R4), and go on after lost records (R2).

    1 plan    where does every topic go on, and what does the last batch still lack?   ends.py, rest.py
    2 wait    a hold is placed until nobody, however stalled, can still write          the command
    3 begin   append the record that begins the new chain, and write its line          chain.py

Everything below the last batch that ClickHouse has seen was delivered whole, for a batch is proposed only when all of
the one before it was acknowledged. That last batch itself may have been delivered in part: an insert a table, and the
worker gone between two of them. Its record is lost with the log, so its records are read again, and what has no row
yet is named by the first record of the new chain, which delivers it: one record, so there is no state in between.

Where the log is whole and ClickHouse is not (behind.py), as after the restore of a backup (restored.py), the last batch
that it testifies to takes the place of the log's last record: what came after it is read again.
"""
