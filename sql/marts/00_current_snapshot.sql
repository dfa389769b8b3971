-- Helper below the promise: which snapshot of indicators speaks for a source, province and period.
-- A complete one always outranks a partial one (a partial capture never replaces a complete one);
-- among equals the newest capture wins. Snapshots with days of their own (digitization) are chosen block by block in
-- core.current_digitization and stand for no portal period here.
CREATE VIEW core.current_snapshot AS
SELECT DISTINCT ON (source, province_code, period_id) *
FROM core.snapshot_as_known
WHERE period_start IS NULL
ORDER BY source, province_code, period_id, complete DESC, captured_at DESC, snapshot_id;
COMMENT ON VIEW core.current_snapshot IS 'The snapshot of indicators that speaks for a source, province and period: the newest complete one, or the newest partial one where none is complete.';
