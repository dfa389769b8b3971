-- Every key the portal uses for a unit. A portal id that is already known keeps the unit it means.
WITH added AS (
    INSERT INTO core.unit_key (key_type, key_value, unit_id, first_seen)
    SELECT 'portal_id', u.portal_id, u.unit_id::uuid, u.observed_at FROM stage_unit_now u
    WHERE NOT EXISTS (SELECT FROM core.unit_key k WHERE k.key_type = 'portal_id' AND k.key_value = u.portal_id)
    RETURNING key_value, unit_id
), resolved AS (
    SELECT u.*, coalesce(a.unit_id, k.unit_id) AS known_id
    FROM stage_unit_now u
    LEFT JOIN added a ON a.key_value = u.portal_id
    LEFT JOIN core.unit_key k ON k.key_type = 'portal_id' AND k.key_value = u.portal_id
)
INSERT INTO core.unit_key (key_type, key_value, unit_id, first_seen)
SELECT 'h_code', unit_code, known_id, observed_at FROM resolved WHERE unit_code IS NOT NULL
UNION ALL
SELECT 'name', province_code || '|' || name_key, known_id, observed_at FROM resolved
ON CONFLICT DO NOTHING
