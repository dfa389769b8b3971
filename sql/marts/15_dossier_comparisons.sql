CREATE VIEW mart.dossier_comparisons AS
SELECT c.province_code, c.period_id, c.period_start, c.period_end,
       c.in_both, c.agreeing, c.only_provincial, c.only_portal, c.differing::text AS differing_json,
       c.provincial_repeated, c.portal_repeated, c.findings, c.compared_fields,
       c.provincial_rows, c.portal_rows, c.provincial_uncoded, c.portal_uncoded,
       1 = row_number() OVER (
           PARTITION BY c.province_code, c.period_start, c.period_end
           ORDER BY greatest(a.captured_at, b.captured_at) DESC, least(a.captured_at, b.captured_at) DESC, c.comparison_id
       ) AS is_current,
       c.comparison_id, a.captured_at AS provincial_captured_at, a.sha256 AS provincial_sha256,
       b.captured_at AS portal_captured_at, b.sha256 AS portal_sha256
FROM core.dossier_comparison c
JOIN ops.capture a ON a.capture_id = c.provincial_capture_id
JOIN ops.capture b ON b.capture_id = c.portal_capture_id;
COMMENT ON VIEW mart.dossier_comparisons IS 'Every comparison of a province''s dossier list with the portal''s: how many dossiers stand on both, on one side only, and differ. The dossiers themselves are in mart.dossier_findings.';
COMMENT ON COLUMN mart.dossier_comparisons.differing_json IS 'Per field, how many dossiers of both lists differ in it, as JSON text.';
COMMENT ON COLUMN mart.dossier_comparisons.is_current IS 'True: the newest comparison of its province and window.';
COMMENT ON COLUMN mart.dossier_comparisons.provincial_captured_at IS 'When the province''s list was received.';
COMMENT ON COLUMN mart.dossier_comparisons.provincial_sha256 IS 'SHA-256 of the province''s list; the archive''s object name.';
COMMENT ON COLUMN mart.dossier_comparisons.portal_captured_at IS 'When the portal''s list was received.';
COMMENT ON COLUMN mart.dossier_comparisons.portal_sha256 IS 'SHA-256 of the portal''s list; the archive''s object name.';
