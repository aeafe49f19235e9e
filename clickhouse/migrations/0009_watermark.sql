-- The watermark of the shard at the time of the batch, beside every row.
--
-- Whether an event was late for its window depends on it; with it in the row, a window can be counted again from rows
-- alone, by whoever owns the shard next, and by anybody who checks the numbers. It is the same in all rows of a batch
-- and costs next to nothing. Rows from before this migration say 1970: they were late for nothing.
ALTER TABLE {database}.events_raw ADD COLUMN IF NOT EXISTS `watermark` DateTime64(3, 'UTC') AFTER `sample_rate`;

ALTER TABLE {database}.events ADD COLUMN IF NOT EXISTS `watermark` DateTime64(3, 'UTC') AFTER `sample_rate`;
