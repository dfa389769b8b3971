-- Helper below the promise: by which form columns are numbered on a day: of the default layouts in force the latest, then
-- the highest edition. Spans do not overlap, so that a join takes one.
CREATE VIEW core.form_in_force AS
SELECT d.first_day, coalesce(lead(d.first_day) OVER (ORDER BY d.first_day) - 1, 'infinity') AS last_day,
       t.form_id, t.edition, t.target_pct, t.measure_9, t.measure_10
FROM (
    SELECT valid_from AS first_day FROM core.form_column WHERE is_default
    UNION SELECT valid_to + 1 FROM core.form_column WHERE is_default AND valid_to IS NOT NULL
) d
LEFT JOIN LATERAL (
    SELECT k.form_id, k.edition, k.target_pct,
           max(k.measure) FILTER (WHERE k.column_no = 9) AS measure_9,
           max(k.measure) FILTER (WHERE k.column_no = 10) AS measure_10
    FROM core.form_column k
    WHERE k.is_default AND k.valid_from <= d.first_day AND (k.valid_to IS NULL OR k.valid_to >= d.first_day)
    GROUP BY k.form_id, k.edition, k.valid_from, k.target_pct
    ORDER BY k.valid_from DESC, k.edition DESC, k.form_id LIMIT 1
) t ON true;
COMMENT ON VIEW core.form_in_force IS 'Which default form is in force from first_day to last_day (inclusive), and which measures it numbers (9) and (10).';
