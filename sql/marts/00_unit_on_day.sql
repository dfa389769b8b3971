-- Helper below the promise: which version names a unit at an instant, and from when to when a unit counts as there.
-- A unit is named by the version of the instant; before the first one by the first. The portal's units count from
-- their province's first day: first seen is not born. Listed units count strictly by their dates.
CREATE VIEW core.unit_on_day AS
SELECT u.unit_id, u.province_code, u.block, u.unit_code, u.name, u.name_key, u.parent_key, u.source,
       CASE WHEN row_number() OVER w = 1 THEN '-infinity' ELSE u.valid_from END AS named_from,
       coalesce(lead(u.valid_from) OVER w, 'infinity') AS named_to,
       CASE WHEN row_number() OVER w = 1 AND u.source = 'national_portal' THEN least(u.valid_from, coalesce(
           (SELECT min(p.valid_from) FROM core.unit p WHERE p.province_code = u.province_code AND p.block = 'province'),
           '-infinity')) ELSE u.valid_from END AS there_from,
       u.valid_to AS there_to
FROM core.unit u
WINDOW w AS (PARTITION BY u.province_code, u.unit_id ORDER BY u.valid_from);
COMMENT ON VIEW core.unit_on_day IS 'Versions of units with two spans each (half-open): named_from to named_to, without gaps, for naming figures; there_from to there_to, for asking which units a province had on a day.';
