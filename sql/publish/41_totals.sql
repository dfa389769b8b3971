-- The sum of the six groups, where all six are there and the source states no total of its own. It points to the
-- archived list of the captures it was summed from.
INSERT INTO core.indicator_score (snapshot_id, unit_id, indicator_code, ratio_pct, score, max_score, quality_flag,
                                  capture_id, locator)
SELECT f.snapshot_id, f.unit_id, 'TOTAL', trim_scale(round(100 * sum(f.score) / sum(f.max_score), 2)),
       trim_scale(sum(f.score)), trim_scale(sum(f.max_score)), 'COMPUTED_SUM', m.capture_id, '$.captures'
FROM core.indicator_score f
JOIN stage_new n USING (snapshot_id)
JOIN core.snapshot_capture m ON m.snapshot_id = f.snapshot_id AND m.group_code = 'MANIFEST'
WHERE f.indicator_code IN ('CKMB', 'TDGQ', 'CLGQ', 'TTTT', 'MDSH', 'MDHL')
GROUP BY f.snapshot_id, f.unit_id, m.capture_id
HAVING count(f.score) = 6 AND count(f.max_score) = 6
