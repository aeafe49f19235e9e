-- metrics_realtime_latest: of two rows of one revision the one that was written later.
--
-- They are equal, but where the next owner of a shard counts otherwise than the last one: after an upgrade that changed
--   what a window counts, or once rows were erased. It writes again what it has counted from the rows, which no event
--   has changed since, so the revision is the same. The engine keeps the later one when it merges; until then the view
--   took any of the two.
CREATE OR REPLACE VIEW {database}.metrics_realtime_latest AS
SELECT
    any(domain) AS domain,
    window,
    starts_at,
    argMax(ends_at, (revision, written_at)) AS ends_at,
    key,
    shard,
    max(revision) AS last_revision,
    argMax(values, (revision, written_at)) AS values,
    argMax(states, (revision, written_at)) AS states,
    max(watermark) AS watermark
FROM {database}.metrics_realtime
GROUP BY window, starts_at, key, shard
HAVING NOT argMax(retracted, (revision, written_at));
