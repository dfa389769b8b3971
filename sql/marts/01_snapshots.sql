CREATE VIEW mart.snapshots AS
SELECT s.province_code, s.period_id, s.snapshot_id, s.source, s.complete, s.provisional, s.captured_at,
       s.snapshot_id IN (SELECT c.snapshot_id FROM core.current_snapshot c
                         UNION ALL SELECT d.snapshot_id FROM core.current_digitization d WHERE d.speaks) AS is_current,
       CASE WHEN s.period_start IS NULL
            THEN (SELECT count(DISTINCT f.unit_id) FROM core.indicator_score f WHERE f.snapshot_id = s.snapshot_id)
            ELSE (SELECT count(*) FROM core.digitization d WHERE d.snapshot_id = s.snapshot_id) END::int AS units,
       s.rows_published AS rows, s.rows_quarantined, s.missing_groups, s.series, s.period_start, s.period_end,
       s.rows_read, s.rows_ignored, s.publication_no
FROM core.snapshot_as_known s;
COMMENT ON VIEW mart.snapshots IS 'Every published reading of the portal and every published digitization form and dossier list, which of them are current, whether they are complete and whether their period had ended (provisional = it had not).';
COMMENT ON COLUMN mart.snapshots.is_current IS 'True: this reading speaks for its province and period; a form or list speaks for at least one block of its window.';
COMMENT ON COLUMN mart.snapshots.units IS 'Units with at least one published figure, the province included.';
COMMENT ON COLUMN mart.snapshots.publication_no IS 'Number of the publication that made it visible, in the order of commits.';
