-- Helper below the promise: the snapshots there are; or, in a transaction that has set bochiso.publication to a number,
-- those that had been published by then. Every view stands on it, so that an old release is rendered again from what was
-- known when it was made, whatever has been restated since.
CREATE VIEW core.snapshot_as_known AS
SELECT s.*, p.publication_no
FROM core.snapshot s
LEFT JOIN ops.publication p USING (snapshot_id)
WHERE coalesce(current_setting('bochiso.publication', true), '') = ''
   OR p.publication_no <= nullif(current_setting('bochiso.publication', true), '')::bigint;
COMMENT ON VIEW core.snapshot_as_known IS 'All snapshots, or those published up to the number in the setting bochiso.publication of the transaction.';
