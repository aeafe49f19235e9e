"""Backups of ClickHouse while the stream goes on, and their way back. The numbers are those of take.py and restore.py.

take     1 hold     every shard closes by an empty intent: what ClickHouse holds then is whole, to the last row
         2 clone    each table is cloned by hard links, which takes no time and no space; the shards go on
         3 copy     ClickHouse's own BACKUP writes the clones, under the names of their tables
         4 list     every file with its bytes and SHA-256; the manifest comes last, without it there is no backup

restore  1 look     the target must be empty; the files of the backup and of all that it is based on must be whole
         2 holds    first comes the table of holds, which has the hold of step 1 of the backup still in force: a
                    worker that is up too early waits
         3 rest     all other tables and views; no view is fed
         4 erased   `agents.repair.erased`: who was erased since the backup is listed and erased again
         5 chains   `agents.repair`: each shard begins a new chain where the restored rows end, so that Kafka gives
                    what is missing a second time; then the hold is released
"""
