-- Rows in which a staged snapshot differs from the published one of the same id. There must be none: same bytes, same rows.
SELECT count(*) FROM (
    SELECT s.snapshot_id, k.unit_id, s.indicator_code, s.numerator, s.denominator, s.ratio_pct,
           s.score, s.max_score, s.value, s.quality_flag, s.capture_id, s.locator,
           s.attributes::jsonb AS attributes
    FROM stage_indicator_score s
    JOIN core.snapshot c ON c.snapshot_id = s.snapshot_id
    LEFT JOIN core.unit_key k ON k.key_type = 'portal_id' AND k.key_value = s.portal_id
) s
FULL JOIN (
    SELECT f.* FROM core.indicator_score f
    WHERE f.snapshot_id IN (SELECT snapshot_id::uuid FROM stage_snapshot)
      AND f.quality_flag IS DISTINCT FROM 'COMPUTED_SUM'
) f ON f.snapshot_id = s.snapshot_id AND f.unit_id = s.unit_id AND f.indicator_code = s.indicator_code
WHERE (s.numerator, s.denominator, s.ratio_pct, s.score, s.max_score, s.value, s.quality_flag, s.capture_id, s.locator,
       s.attributes)
      IS DISTINCT FROM
      (f.numerator, f.denominator, f.ratio_pct, f.score, f.max_score, f.value, f.quality_flag, f.capture_id, f.locator,
       f.attributes)
