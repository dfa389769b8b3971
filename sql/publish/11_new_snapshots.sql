-- What is really new: not published yet, and no partial reading where a complete one already speaks.
-- A digitization snapshot has a window and blocks: it is left out only where every one of its blocks is partial and
-- the same source has told that block of that window whole.
CREATE TEMP TABLE stage_new ON COMMIT DROP AS
SELECT s.snapshot_id::uuid AS snapshot_id, s.source, s.province_code, s.period_id, s.captured_at, s.complete,
       s.period_start, s.period_end
FROM stage_snapshot s
WHERE NOT EXISTS (SELECT FROM core.snapshot c WHERE c.snapshot_id = s.snapshot_id::uuid)
  AND (s.complete
       OR s.period_start IS NULL AND NOT EXISTS (
            SELECT FROM core.snapshot c
            WHERE c.source = s.source AND c.province_code = s.province_code AND c.period_id = s.period_id AND c.complete)
       OR s.period_start IS NOT NULL AND EXISTS (
            SELECT FROM stage_digitization_block b
            WHERE b.snapshot_id = s.snapshot_id AND (b.complete OR NOT EXISTS (
                SELECT FROM core.snapshot c JOIN core.digitization_block o USING (snapshot_id)
                WHERE c.source = s.source AND c.province_code = s.province_code
                  AND c.period_start = s.period_start AND c.period_end = s.period_end
                  AND o.block = b.block AND o.complete))))
