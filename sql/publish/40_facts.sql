-- trim_scale: Arrow's decimals have six places, the portal's numbers keep only their own digits (17, not 17.000000).
INSERT INTO core.indicator_score (snapshot_id, unit_id, indicator_code, numerator, denominator, ratio_pct, score,
                                  max_score, value, quality_flag, capture_id, locator, attributes)
SELECT n.snapshot_id, k.unit_id, s.indicator_code, s.numerator, s.denominator, trim_scale(s.ratio_pct),
       trim_scale(s.score), trim_scale(s.max_score), trim_scale(s.value), s.quality_flag, s.capture_id,
       s.locator, s.attributes::jsonb
FROM stage_indicator_score s
JOIN stage_new n ON n.snapshot_id = s.snapshot_id
JOIN core.unit_key k ON k.key_type = 'portal_id' AND k.key_value = s.portal_id
