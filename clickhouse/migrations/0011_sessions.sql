-- Sessions among the closed windows.
--
-- A session's row is named by its start, and a late event can move that or merge two sessions. `retracted` marks a
--   newer revision under a start that is no more: nothing is deleted, and a repeat is the same row.
-- metrics_realtime_latest: without what was retracted. The end is that of the newest revision, for sessions grow.
ALTER TABLE {database}.metrics_realtime ADD COLUMN IF NOT EXISTS `retracted` Bool DEFAULT false AFTER `watermark`;

CREATE OR REPLACE VIEW {database}.metrics_realtime_latest AS
SELECT
    any(domain) AS domain,
    window,
    starts_at,
    argMax(ends_at, revision) AS ends_at,
    key,
    shard,
    max(revision) AS last_revision,
    argMax(values, revision) AS values,
    argMax(states, revision) AS states,
    max(watermark) AS watermark
FROM {database}.metrics_realtime
GROUP BY window, starts_at, key, shard
HAVING NOT argMax(retracted, revision);
