-- Slowly changing dimension, type 2. Each observation falls on one of five cases:
-- no version yet; before the first; after the last; inside a version that says the same (nothing to do);
-- inside a version that says otherwise (that version ends here and a new one begins).
WITH seen AS (
    SELECT k.unit_id, s.province_code, s.block, s.unit_code, s.name, s.name_key, s.observed_at
    FROM stage_unit_now s
    JOIN core.unit_key k ON k.key_type = 'portal_id' AND k.key_value = s.portal_id
), placed AS (
    SELECT seen.*, cover.valid_from AS cover_from, cover.valid_to AS cover_to,
           coalesce(seen.unit_code, cover.unit_code) AS code_now,
           (cover.name_key, cover.block) IS DISTINCT FROM (seen.name_key, seen.block)
               OR (seen.unit_code IS NOT NULL AND cover.unit_code IS DISTINCT FROM seen.unit_code) AS differs,
           first.valid_from AS first_from, first.name_key AS first_name_key, first.block AS first_block,
           first.unit_code AS first_code, next.valid_from AS next_from
    FROM seen
    LEFT JOIN core.unit cover ON cover.unit_id = seen.unit_id
        AND seen.observed_at >= cover.valid_from AND seen.observed_at < cover.valid_to
    LEFT JOIN LATERAL (SELECT * FROM core.unit u WHERE u.unit_id = seen.unit_id ORDER BY valid_from LIMIT 1) first ON true
    LEFT JOIN LATERAL (SELECT u.valid_from FROM core.unit u WHERE u.unit_id = seen.unit_id
                       AND u.valid_from > seen.observed_at ORDER BY valid_from LIMIT 1) next ON true
), ended AS (
    UPDATE core.unit u SET valid_to = p.observed_at
    FROM placed p
    WHERE u.unit_id = p.unit_id AND u.valid_from = p.cover_from AND p.differs AND p.observed_at > p.cover_from
), corrected AS (
    UPDATE core.unit u SET name = p.name, name_key = p.name_key, block = p.block, unit_code = p.code_now
    FROM placed p
    WHERE u.unit_id = p.unit_id AND u.valid_from = p.cover_from AND p.differs AND p.observed_at = p.cover_from
), earlier AS (
    UPDATE core.unit u SET valid_from = p.observed_at
    FROM placed p
    WHERE u.unit_id = p.unit_id AND p.cover_from IS NULL AND u.valid_from = p.first_from
      AND p.observed_at < p.first_from AND p.first_name_key = p.name_key AND p.first_block = p.block
    RETURNING u.unit_id
)
INSERT INTO core.unit (unit_id, valid_from, valid_to, province_code, block, unit_code, name, name_key, source)
SELECT p.unit_id, p.observed_at, coalesce(p.cover_to, p.next_from, 'infinity'), p.province_code, p.block, p.code_now,
       p.name, p.name_key, 'national_portal'
FROM placed p
WHERE (p.cover_from IS NULL AND p.unit_id NOT IN (SELECT unit_id FROM earlier))
   OR (p.cover_from IS NOT NULL AND p.differs AND p.observed_at > p.cover_from)
