CREATE VIEW mart.digitization_form_vs_list AS
SELECT w.province_code, w.period_id, w.period_start, w.period_end, w.block, u.unit_code, u.name AS unit_name,
       m.measure, m.form_value, m.list_value, m.form_value - m.list_value AS difference,
       fd.unit_id, w.form_id AS form_snapshot_id, fc.sha256 AS form_capture_sha256, fd.locator AS form_locator,
       w.list_id AS list_snapshot_id, lc.sha256 AS list_capture_sha256, ld.locator AS list_locator
FROM (
    -- Grouped, not joined with itself: the planner takes two equal sources for one row and loops (34 provinces x 5 years:
    -- more than two minutes).
    SELECT province_code, period_id, period_start, period_end, block,
           (array_agg(snapshot_id) FILTER (WHERE source = 'digitization_form'))[1] AS form_id,
           (array_agg(snapshot_id) FILTER (WHERE source = 'dossier_list'))[1] AS list_id
    FROM core.current_digitization
    GROUP BY province_code, period_id, period_start, period_end, block
) w
JOIN core.digitization fd ON fd.snapshot_id = w.form_id AND fd.block = w.block
JOIN core.digitization ld ON ld.snapshot_id = w.list_id AND ld.unit_id = fd.unit_id
CROSS JOIN LATERAL (VALUES
    ('received', fd.received, ld.received),
    ('components_not_digitized', fd.components_not_digitized, ld.components_not_digitized),
    ('components_digitized', fd.components_digitized, ld.components_digitized),
    ('components_reused', fd.components_reused, ld.components_reused),
    ('reused_from_portal', fd.reused_from_portal, ld.reused_from_portal),
    ('resolved', fd.resolved, ld.resolved),
    ('results_not_digitized', fd.results_not_digitized, ld.results_not_digitized),
    ('results_digitized', fd.results_digitized, ld.results_digitized)) AS m (measure, form_value, list_value)
JOIN ops.capture fc ON fc.capture_id = fd.capture_id
JOIN ops.capture lc ON lc.capture_id = ld.capture_id
JOIN core.unit_on_day u ON u.unit_id = fd.unit_id AND u.province_code = w.province_code
    AND w.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh' >= u.named_from
    AND w.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh' < u.named_to
WHERE m.form_value <> m.list_value;
COMMENT ON VIEW mart.digitization_form_vs_list IS 'Where the form and the dossier list tell the same unit and window differently: one line a measure whose two values are told and differ. No line means they agree to the digit, or one of them tells nothing.';
COMMENT ON COLUMN mart.digitization_form_vs_list.province_code IS 'H-code.';
COMMENT ON COLUMN mart.digitization_form_vs_list.period_id IS 'Period the window stands for.';
COMMENT ON COLUMN mart.digitization_form_vs_list.period_start IS 'First day of the window.';
COMMENT ON COLUMN mart.digitization_form_vs_list.period_end IS 'Last day, inclusive.';
COMMENT ON COLUMN mart.digitization_form_vs_list.block IS 'Block the unit stands in on the form.';
COMMENT ON COLUMN mart.digitization_form_vs_list.unit_code IS 'H-code of the unit; null where it is not known.';
COMMENT ON COLUMN mart.digitization_form_vs_list.unit_name IS 'Name in use on the window''s last day.';
COMMENT ON COLUMN mart.digitization_form_vs_list.measure IS 'Measure that differs (a column of mart.digitization).';
COMMENT ON COLUMN mart.digitization_form_vs_list.form_value IS 'Value on the form.';
COMMENT ON COLUMN mart.digitization_form_vs_list.list_value IS 'Value counted from the dossier list.';
COMMENT ON COLUMN mart.digitization_form_vs_list.difference IS 'form_value minus list_value.';
COMMENT ON COLUMN mart.digitization_form_vs_list.unit_id IS 'Unit (core.unit).';
COMMENT ON COLUMN mart.digitization_form_vs_list.form_snapshot_id IS 'Snapshot of the form.';
COMMENT ON COLUMN mart.digitization_form_vs_list.form_capture_sha256 IS 'SHA-256 of the form''s file.';
COMMENT ON COLUMN mart.digitization_form_vs_list.form_locator IS 'Sheet and row, or JSON path, in the form.';
COMMENT ON COLUMN mart.digitization_form_vs_list.list_snapshot_id IS 'Snapshot of the dossier list.';
COMMENT ON COLUMN mart.digitization_form_vs_list.list_capture_sha256 IS 'SHA-256 of the list''s file.';
COMMENT ON COLUMN mart.digitization_form_vs_list.list_locator IS 'What of the list the value was counted from.';
