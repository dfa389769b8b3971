-- Helper below the promise: which snapshot speaks for a source, province and period.
-- A complete one always outranks a partial one (a partial capture never replaces a complete one);
-- among equals the newest capture wins.
CREATE VIEW core.current_snapshot AS
SELECT DISTINCT ON (source, province_code, period_id) *
FROM core.snapshot
ORDER BY source, province_code, period_id, complete DESC, captured_at DESC, snapshot_id;
COMMENT ON VIEW core.current_snapshot IS 'The snapshot that speaks for a source, province and period: the newest complete one, or the newest partial one where none is complete.';
