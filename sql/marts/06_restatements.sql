CREATE VIEW mart.restatements AS
SELECT n.province_code, n.period_id, u.unit_code, r.indicator_code, r.field, r.old_value, r.new_value,
       o.captured_at AS old_captured_at, n.captured_at AS new_captured_at,
       u.name AS unit_name, r.old_text, r.new_text,
       o.provisional AS old_provisional, r.old_snapshot_id, r.new_snapshot_id, r.unit_id
FROM core.restatement r
JOIN core.snapshot o ON o.snapshot_id = r.old_snapshot_id
JOIN core.snapshot n ON n.snapshot_id = r.new_snapshot_id
JOIN core.unit u ON u.unit_id = r.unit_id AND n.captured_at >= u.valid_from AND n.captured_at < u.valid_to;
COMMENT ON VIEW mart.restatements IS 'What the portal changed in figures it had already published: one line a field, between two complete snapshots that follow each other. old_provisional tells a running period''s normal movement from the restatement of a closed one. presence: a unit or indicator appeared or disappeared (old_text, new_text).';
