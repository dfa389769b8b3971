CREATE VIEW mart.dossier_findings AS
SELECT c.province_code, c.period_id, f.dossier_code, f.unit_code, u.name AS unit_name, f.finding, f.field,
       f.provincial_value, f.portal_value, c.period_start, c.period_end, f.unit_id,
       c.comparison_id, c.provincial_sha256, c.portal_sha256
FROM mart.dossier_comparisons c
JOIN core.dossier_finding f USING (comparison_id)
LEFT JOIN core.unit_on_day u ON u.unit_id = f.unit_id AND u.province_code = c.province_code
    AND coalesce(c.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', c.provincial_captured_at) >= u.named_from
    AND coalesce(c.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', c.provincial_captured_at) < u.named_to
WHERE c.is_current;
COMMENT ON VIEW mart.dossier_findings IS 'What the newest comparison of the province''s and the portal''s dossier lists found, by dossier code: missing_on_portal, missing_in_province, field_differs, repeated_in_province or repeated_on_portal (there the value is how many rows bear the code). No personal data. Found by code in both files (their SHA-256 stand beside).';
COMMENT ON COLUMN mart.dossier_findings.unit_name IS 'Name of the unit the code belongs to; null: no known unit.';
COMMENT ON COLUMN mart.dossier_findings.comparison_id IS 'Comparison (mart.dossier_comparisons).';
