-- Prints the statements that make every rollup of one ClickHouse shard anew from the raw rows that lie there:
--
--   clickhouse-client --database millrace --param_first=2024-11-27 --format TSVRaw --queries-file rollups_anew.sql |
--     clickhouse-client --database millrace --multiquery
--
-- For the time after Kafka shards have moved (clickhouse/README.md, "More shards"), while nothing is written. A rollup
-- has the rows of several Kafka shards in one state, so none of them can be taken out: it is made again without them.
-- `first`: the first day (UTC) of which all raw rows are there. What a rollup has of the days before it stays as it is.
-- It may be run again after it was interrupted: a partition is swapped at once, and takes the old days along.
WITH
    given AS
    (
        SELECT table AS view, arrayStringConcat(groupArray(name), ', ') AS names
        FROM (SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position)
        GROUP BY table
    ),
    -- Every view with the rows of these days alone in place of the raw table that it reads.
    views AS
    (
        SELECT
            name AS view,
            extract(create_table_query, ' TO [^ ]+\\.`?([A-Za-z0-9_]+)`?') AS target,
            replaceRegexpAll(
                as_select,
                '\\bFROM (\\S+\\.(events|events_raw))\\b',
                concat('FROM (SELECT * FROM \\1 WHERE toDate(occurred_at) >= ''', toString({first:Date}), ''')')
            ) AS query
        FROM system.tables
        WHERE database = currentDatabase() AND engine = 'MaterializedView' AND query != as_select
    ),
    rollups AS
    (
        SELECT DISTINCT target AS name FROM views WHERE target IN
            (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'bucket')
    ),
    -- The months of a rollup as it is, and as the raw rows make it: one of either may lack in the other.
    months AS
    (
        SELECT DISTINCT rollups.name AS name, month FROM rollups CROSS JOIN
        (
            SELECT DISTINCT partition AS month FROM system.parts
            WHERE database = currentDatabase() AND active AND table IN (SELECT name FROM rollups)
            UNION DISTINCT
            SELECT DISTINCT toString(toYYYYMM(toDate(partition))) FROM system.parts
            WHERE database = currentDatabase() AND active AND table IN ('events', 'events_raw')
        ) AS known
    )
SELECT statement FROM
(
    SELECT name, 1 AS step, '' AS part, concat('DROP TABLE IF EXISTS ', name, '_anew SYNC;') AS statement FROM rollups
    UNION ALL
    SELECT name, 2, '', concat('CREATE TABLE ', name, '_anew AS ', name, ';') FROM rollups
    UNION ALL
    SELECT target, 3, views.view, concat(
        'INSERT INTO ', target, '_anew (', names, ') ',
        'SETTINGS insert_deduplicate = 0, async_insert = 0, max_partitions_per_insert_block = 0, max_execution_time = 0 ',
        'SELECT ', names, ' FROM (', query, ');')
    FROM views INNER JOIN given ON given.view = views.view
    WHERE target IN (SELECT name FROM rollups)
    UNION ALL
    SELECT name, 4, '', concat(
        'INSERT INTO ', name, '_anew ',
        'SETTINGS insert_deduplicate = 0, async_insert = 0, max_partitions_per_insert_block = 0, max_execution_time = 0 ',
        'SELECT * FROM ', name, ' WHERE toDate(bucket) < ''', toString({first:Date}), ''';')
    FROM rollups
    UNION ALL
    SELECT name, 5, month, concat(
        'ALTER TABLE ', name, ' REPLACE PARTITION ', month, ' FROM ', name, '_anew ',
        'SETTINGS allow_replace_partition_from_empty_source = 1, alter_sync = 2;')
    FROM months
    UNION ALL
    SELECT name, 6, '', concat('DROP TABLE ', name, '_anew SYNC;') FROM rollups
)
ORDER BY name, step, part
