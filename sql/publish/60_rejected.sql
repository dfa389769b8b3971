INSERT INTO quarantine.rejected_row
SELECT r.rejected_id::uuid, r.source, r.province_code, r.period_id, r.snapshot_id::uuid, r.capture_sha256, r.locator,
       r.column_name, r.value, r.rule, r.severity, r.message_vi, r.row_data::jsonb
FROM stage_rejected_row r JOIN stage_new n ON n.snapshot_id = r.snapshot_id::uuid
ON CONFLICT DO NOTHING
