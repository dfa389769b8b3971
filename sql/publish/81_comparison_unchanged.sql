-- What a staged comparison says otherwise than the recorded one of the same id: its counts, its findings. There must be
-- nothing: the same two files over the same window are the same findings.
SELECT (
    SELECT count(*) FROM stage_dossier_comparison s JOIN core.dossier_comparison c ON c.comparison_id = s.comparison_id::uuid
    WHERE (s.in_both, s.agreeing, s.only_provincial, s.only_portal, s.differing::jsonb, s.provincial_repeated,
           s.portal_repeated, s.provincial_rows, s.portal_rows, s.provincial_uncoded, s.portal_uncoded, s.findings)
          IS DISTINCT FROM
          (c.in_both, c.agreeing, c.only_provincial, c.only_portal, c.differing, c.provincial_repeated,
           c.portal_repeated, c.provincial_rows, c.portal_rows, c.provincial_uncoded, c.portal_uncoded, c.findings)
) + (
    SELECT count(*) FROM (
        SELECT dossier_code, finding, field, provincial_value, portal_value FROM stage_dossier_finding
        EXCEPT ALL
        SELECT f.dossier_code, f.finding, f.field, f.provincial_value, f.portal_value FROM core.dossier_finding f
        WHERE f.comparison_id = (SELECT comparison_id::uuid FROM stage_dossier_comparison)
    ) differing
)
