INSERT INTO core.dossier_comparison (comparison_id, province_code, period_id, period_start, period_end,
                                     provincial_capture_id, portal_capture_id, compared_fields, in_both, agreeing,
                                     only_provincial, only_portal, differing, provincial_repeated, portal_repeated,
                                     provincial_rows, portal_rows, provincial_uncoded, portal_uncoded, findings)
SELECT s.comparison_id::uuid, s.province_code, s.period_id, s.period_start, s.period_end,
       s.provincial_capture_id::uuid, s.portal_capture_id::uuid,
       ARRAY(SELECT jsonb_array_elements_text(s.compared_fields::jsonb)), s.in_both, s.agreeing,
       s.only_provincial, s.only_portal, s.differing::jsonb, s.provincial_repeated, s.portal_repeated,
       s.provincial_rows, s.portal_rows, s.provincial_uncoded, s.portal_uncoded, s.findings
FROM stage_dossier_comparison s
