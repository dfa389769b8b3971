CREATE VIEW mart.snapshots AS
SELECT s.province_code, s.period_id, s.snapshot_id, s.source, s.complete, s.provisional, s.captured_at,
       EXISTS (SELECT FROM core.current_snapshot c WHERE c.snapshot_id = s.snapshot_id) AS is_current,
       (SELECT count(DISTINCT f.unit_id) FROM core.indicator_score f WHERE f.snapshot_id = s.snapshot_id)::int AS units,
       s.rows_published AS rows, s.rows_quarantined, s.missing_groups, s.series
FROM core.snapshot s;
COMMENT ON VIEW mart.snapshots IS 'Every published reading of the portal, which of them is current, whether it is complete and whether its period had ended (provisional = it had not).';
COMMENT ON COLUMN mart.snapshots.is_current IS 'True: this reading speaks for its province and period.';
COMMENT ON COLUMN mart.snapshots.units IS 'Units with at least one published figure, the province included.';
