-- A code that was unknown and is now told is knowledge, not change: no new version.
UPDATE core.unit u SET unit_code = s.unit_code
FROM stage_unit_now s
JOIN core.unit_key k ON k.key_type = 'portal_id' AND k.key_value = s.portal_id
WHERE u.unit_id = k.unit_id AND u.unit_code IS NULL AND s.unit_code IS NOT NULL
