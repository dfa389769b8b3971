-- Helper below the promise: which snapshot speaks for a block of a province in a window, per source and over all.
-- Within a source as for indicators: whole before partial, then the newest. Between sources: whole before partial,
-- then the form before the list.
CREATE VIEW core.current_digitization AS
SELECT c.*, 1 = row_number() OVER (
           PARTITION BY province_code, period_id, period_start, period_end, block
           ORDER BY complete DESC, source = 'digitization_form' DESC, captured_at DESC, snapshot_id) AS speaks
FROM (
    SELECT DISTINCT ON (s.province_code, s.period_id, s.period_start, s.period_end, b.block, s.source)
           s.province_code, s.period_id, s.period_start, s.period_end, b.block, s.source, s.snapshot_id,
           b.units, b.expected_units, b.complete, b.missing_units, s.provisional, s.captured_at
    FROM core.snapshot_as_known s
    JOIN core.digitization_block b USING (snapshot_id)
    WHERE s.period_start IS NOT NULL
    ORDER BY s.province_code, s.period_id, s.period_start, s.period_end, b.block, s.source,
             b.complete DESC, s.captured_at DESC, s.snapshot_id
) c;
COMMENT ON VIEW core.current_digitization IS 'Per source the snapshot that is current for a block of a province in a window, and which of the sources speaks for it: a whole block before a partial one, the form before a list, the newest first.';
