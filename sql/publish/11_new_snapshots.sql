-- What is really new: not published yet, and no partial reading where a complete one already speaks.
CREATE TEMP TABLE stage_new ON COMMIT DROP AS
SELECT s.snapshot_id::uuid AS snapshot_id, s.source, s.province_code, s.period_id, s.captured_at, s.complete
FROM stage_snapshot s
WHERE NOT EXISTS (SELECT FROM core.snapshot c WHERE c.snapshot_id = s.snapshot_id::uuid)
  AND (s.complete OR NOT EXISTS (
        SELECT FROM core.snapshot c
        WHERE c.source = s.source AND c.province_code = s.province_code AND c.period_id = s.period_id AND c.complete))
