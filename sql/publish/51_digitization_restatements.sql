-- New digitization snapshots against what the same source said of the same window before, block by block: whole
-- against whole. Blocks that have the same predecessor are compared together, so that a unit that moved from one
-- block to another is told as that, not as gone and new.
WITH before AS (
    SELECT n.snapshot_id AS new_id, b.block, o.snapshot_id AS old_id
    FROM stage_new n
    JOIN core.digitization_block b ON b.snapshot_id = n.snapshot_id AND b.complete
    CROSS JOIN LATERAL (
        SELECT c.snapshot_id FROM core.snapshot c JOIN core.digitization_block cb USING (snapshot_id)
        WHERE c.source = n.source AND c.province_code = n.province_code
          AND c.period_start = n.period_start AND c.period_end = n.period_end
          AND cb.block = b.block AND cb.complete
          AND c.captured_at < n.captured_at AND c.snapshot_id <> n.snapshot_id
        ORDER BY c.captured_at DESC, c.snapshot_id LIMIT 1) o
), told AS (
    -- One line a unit, measure and side; measures no layout has are null on both sides and differ in nothing.
    SELECT b.new_id, b.old_id, side.is_new, d.unit_id, d.block, m.field, m.value
    FROM before b
    CROSS JOIN LATERAL (VALUES (false, b.old_id), (true, b.new_id)) AS side (is_new, snapshot_id)
    JOIN core.digitization d ON d.snapshot_id = side.snapshot_id AND d.block = b.block
    CROSS JOIN LATERAL (VALUES
        ('received', d.received), ('components_not_digitized', d.components_not_digitized),
        ('components_digitized', d.components_digitized), ('components_reused', d.components_reused),
        ('reused_from_portal', d.reused_from_portal), ('resolved', d.resolved),
        ('results_not_digitized', d.results_not_digitized), ('results_digitized', d.results_digitized)) AS m (field, value)
), compared AS (
    SELECT new_id, old_id, unit_id, field,
           bool_or(NOT is_new) AS was_there, bool_or(is_new) AS is_there,
           max(value) FILTER (WHERE NOT is_new) AS old_value, max(value) FILTER (WHERE is_new) AS new_value,
           max(block) FILTER (WHERE NOT is_new) AS old_block, max(block) FILTER (WHERE is_new) AS new_block
    FROM told
    GROUP BY new_id, old_id, unit_id, field
)
INSERT INTO core.restatement (old_snapshot_id, new_snapshot_id, unit_id, indicator_code, field,
                              old_value, new_value, old_text, new_text)
SELECT old_id, new_id, unit_id, 'DIGITIZATION', field, old_value, new_value, NULL, NULL
FROM compared WHERE was_there AND is_there AND old_value IS DISTINCT FROM new_value
UNION ALL
SELECT old_id, new_id, unit_id, 'DIGITIZATION', 'block', NULL, NULL, old_block, new_block
FROM compared WHERE field = 'received' AND was_there AND is_there AND old_block <> new_block
UNION ALL
SELECT old_id, new_id, unit_id, 'DIGITIZATION', 'presence', NULL, NULL,
       CASE WHEN was_there THEN 'present' ELSE 'absent' END, CASE WHEN is_there THEN 'present' ELSE 'absent' END
FROM compared WHERE field = 'received' AND was_there <> is_there
