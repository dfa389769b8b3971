-- A dossier code begins with its unit's code; deeper sub-codes belong to the longest known one (H15.50.05.13 to H15.50).
-- Few prefixes, many dossiers: the prefixes are resolved once.
WITH prefixes AS MATERIALIZED (
    SELECT DISTINCT split_part(dossier_code, '-', 1) AS prefix FROM stage_dossier_finding
), known AS MATERIALIZED (
    SELECT DISTINCT ON (k.key_value) k.key_value AS code, k.unit_id
    FROM stage_dossier_comparison c
    JOIN core.unit u ON u.province_code = c.province_code AND u.block NOT IN ('country', 'province')
    JOIN core.unit_key k ON k.unit_id = u.unit_id AND k.key_type = 'h_code'
    ORDER BY k.key_value, u.source = 'national_portal' DESC, k.unit_id
), resolved AS MATERIALIZED (
    SELECT p.prefix, r.code, r.unit_id
    FROM prefixes p
    LEFT JOIN LATERAL (
        SELECT k.code, k.unit_id FROM known k
        WHERE p.prefix = k.code OR starts_with(p.prefix, k.code || '.')
        ORDER BY length(k.code) DESC LIMIT 1) r ON true
)
INSERT INTO core.dossier_finding (comparison_id, dossier_code, unit_id, unit_code, finding, field,
                                  provincial_value, portal_value)
SELECT c.comparison_id::uuid, s.dossier_code, r.unit_id, coalesce(r.code, r.prefix), s.finding, s.field,
       s.provincial_value, s.portal_value
FROM stage_dossier_comparison c
CROSS JOIN stage_dossier_finding s
JOIN resolved r ON r.prefix = split_part(s.dossier_code, '-', 1)
