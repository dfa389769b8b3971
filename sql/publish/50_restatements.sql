-- New complete snapshots against the complete one before them: every field that differs, every row that came or went.
WITH pairs AS (
    SELECT n.snapshot_id AS new_id, o.snapshot_id AS old_id
    FROM stage_new n
    CROSS JOIN LATERAL (
        SELECT c.snapshot_id FROM core.snapshot c
        WHERE c.source = n.source AND c.province_code = n.province_code AND c.period_id = n.period_id
          AND c.complete AND c.captured_at < n.captured_at AND c.snapshot_id <> n.snapshot_id
        ORDER BY c.captured_at DESC, c.snapshot_id LIMIT 1) o
    WHERE n.complete
), both_sides AS (
    -- Each pair by itself: two index scans of a snapshot, whatever else the table holds.
    SELECT p.old_id, p.new_id, d.*
    FROM pairs p
    CROSS JOIN LATERAL (
        SELECT coalesce(o.unit_id, n.unit_id) AS unit_id, coalesce(o.indicator_code, n.indicator_code) AS indicator_code,
               o.unit_id IS NOT NULL AS was_there, n.unit_id IS NOT NULL AS is_there,
               o.numerator AS o_num, n.numerator AS n_num, o.denominator AS o_den, n.denominator AS n_den,
               o.ratio_pct AS o_ratio, n.ratio_pct AS n_ratio, o.score AS o_score, n.score AS n_score,
               o.max_score AS o_max, n.max_score AS n_max, o.value AS o_value, n.value AS n_value,
               o.quality_flag AS o_flag, n.quality_flag AS n_flag
        FROM (SELECT * FROM core.indicator_score WHERE snapshot_id = p.old_id) o
        FULL JOIN (SELECT * FROM core.indicator_score WHERE snapshot_id = p.new_id) n
          ON n.unit_id = o.unit_id AND n.indicator_code = o.indicator_code
    ) d
)
INSERT INTO core.restatement (old_snapshot_id, new_snapshot_id, unit_id, indicator_code, field,
                              old_value, new_value, old_text, new_text)
SELECT b.old_id, b.new_id, b.unit_id, b.indicator_code, d.field, d.old_value, d.new_value, NULL, NULL
FROM both_sides b
CROSS JOIN LATERAL (VALUES
    ('numerator', b.o_num::numeric, b.n_num::numeric), ('denominator', b.o_den::numeric, b.n_den::numeric),
    ('ratio_pct', b.o_ratio, b.n_ratio), ('score', b.o_score, b.n_score), ('max_score', b.o_max, b.n_max),
    ('value', b.o_value, b.n_value)) AS d (field, old_value, new_value)
WHERE b.was_there AND b.is_there AND d.old_value IS DISTINCT FROM d.new_value
UNION ALL
SELECT old_id, new_id, unit_id, indicator_code, 'quality_flag', NULL, NULL, o_flag, n_flag
FROM both_sides WHERE was_there AND is_there AND o_flag IS DISTINCT FROM n_flag
UNION ALL
SELECT old_id, new_id, unit_id, indicator_code, 'presence', NULL, NULL,
       CASE WHEN was_there THEN 'present' ELSE 'absent' END, CASE WHEN is_there THEN 'present' ELSE 'absent' END
FROM both_sides WHERE was_there <> is_there
