-- The units observed at one instant that tell something new: unknown ones, and those whose version of that instant
-- says otherwise. A month as the month before is the rule: then nothing is left to do (eight months of the country
-- in one load: 0.8 s without this line of thought).
INSERT INTO stage_unit_now
SELECT DISTINCT ON (u.portal_id) u.*
FROM stage_unit u
WHERE u.observed_at = $1
  AND EXISTS (SELECT FROM stage_new n WHERE n.captured_at = u.observed_at)
  AND NOT EXISTS (
        SELECT FROM core.unit_key k
        JOIN core.unit v ON v.unit_id = k.unit_id AND u.observed_at >= v.valid_from AND u.observed_at < v.valid_to
        WHERE k.key_type = 'portal_id' AND k.key_value = u.portal_id
          AND v.name_key = u.name_key AND v.block = u.block AND (u.unit_code IS NULL OR v.unit_code = u.unit_code))
ORDER BY u.portal_id, u.unit_code NULLS LAST
