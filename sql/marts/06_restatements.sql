CREATE VIEW mart.restatements AS
SELECT n.province_code, n.period_id, u.unit_code, r.indicator_code, r.field, r.old_value, r.new_value,
       o.captured_at AS old_captured_at, n.captured_at AS new_captured_at,
       u.name AS unit_name, r.old_text, r.new_text,
       o.provisional AS old_provisional, r.old_snapshot_id, r.new_snapshot_id, r.unit_id,
       n.source, n.period_start, n.period_end, n.publication_no AS new_publication_no
FROM core.restatement r
JOIN core.snapshot_as_known o ON o.snapshot_id = r.old_snapshot_id
JOIN core.snapshot_as_known n ON n.snapshot_id = r.new_snapshot_id
JOIN core.unit_on_day u ON u.unit_id = r.unit_id
    AND coalesce(n.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', n.captured_at) >= u.named_from
    AND coalesce(n.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', n.captured_at) < u.named_to;
COMMENT ON VIEW mart.restatements IS 'What a source changed in figures it had already told: one line a field, between two complete snapshots that follow each other. The portal''s lines have an indicator; those of a corrected form or dossier list have indicator_code DIGITIZATION, the measure as field, and the window''s days. old_provisional tells a running period''s normal movement from the restatement of a closed one. presence: a unit or indicator appeared or disappeared (old_text, new_text).';
COMMENT ON COLUMN mart.restatements.source IS 'Who changed it: national_portal, digitization_form or dossier_list.';
COMMENT ON COLUMN mart.restatements.period_start IS 'First day of the window of a form or list; null for the portal.';
COMMENT ON COLUMN mart.restatements.period_end IS 'Last day of the window of a form or list, inclusive; null for the portal.';
COMMENT ON COLUMN mart.restatements.new_publication_no IS 'Number of the publication that brought the new value.';
