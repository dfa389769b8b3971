INSERT INTO core.snapshot (snapshot_id, source, province_code, period_id, series, captured_at, complete, provisional,
                           reader, missing_groups, rows_read, rows_published, rows_quarantined, rows_ignored,
                           period_start, period_end, facts)
SELECT s.snapshot_id::uuid, s.source, s.province_code, s.period_id, s.series, s.captured_at, s.complete, s.provisional,
       s.reader, CASE WHEN s.missing_groups = '' THEN '{}' ELSE string_to_array(s.missing_groups, ',') END,
       s.rows_read, s.rows_published, s.rows_quarantined, s.rows_ignored,
       s.period_start, s.period_end, coalesce(s.facts, s.rows_published)
FROM stage_snapshot s JOIN stage_new n ON n.snapshot_id = s.snapshot_id::uuid
