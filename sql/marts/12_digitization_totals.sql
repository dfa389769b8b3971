CREATE VIEW mart.digitization_totals AS
-- Materialized: a handful of rows each; looked up anew for each line they took half of the time.
WITH form AS MATERIALIZED (
    SELECT * FROM core.form_in_force
), block AS MATERIALIZED (
    SELECT * FROM core.block_on_day
)
SELECT b.province_code, b.period_id, b.period_start, b.period_end, b.window_kind, b.block,
       b.received, b.components_not_digitized, b.components_digitized, b.components_reused,
       b.reused_from_portal, b.resolved, b.results_not_digitized, b.results_digitized,
       r.components_rate_pct, r.reuse_rate_pct, r.results_rate_pct, t.target_pct,
       r.results_rate_pct >= t.target_pct AS met_target,
       CASE t.measure_9
           WHEN 'received' THEN b.received
           WHEN 'components_not_digitized' THEN b.components_not_digitized
           WHEN 'components_digitized' THEN b.components_digitized
           WHEN 'components_reused' THEN b.components_reused
           WHEN 'reused_from_portal' THEN b.reused_from_portal
           WHEN 'resolved' THEN b.resolved
           WHEN 'results_not_digitized' THEN b.results_not_digitized
           WHEN 'results_digitized' THEN b.results_digitized END AS column_9,
       CASE t.measure_10
           WHEN 'received' THEN b.received
           WHEN 'components_not_digitized' THEN b.components_not_digitized
           WHEN 'components_digitized' THEN b.components_digitized
           WHEN 'components_reused' THEN b.components_reused
           WHEN 'reused_from_portal' THEN b.reused_from_portal
           WHEN 'resolved' THEN b.resolved
           WHEN 'results_not_digitized' THEN b.results_not_digitized
           WHEN 'results_digitized' THEN b.results_digitized END AS column_10,
       t.form_id, t.edition AS form_edition, b.units, b.expected_units,
       b.complete AND b.missing_blocks = '{}' AS complete, b.missing_blocks, b.missing_units, b.basis, b.provisional, b.captured_at
FROM (
    -- What the province had on the window's last day; beside sums, on the last day of any month of the window.
    SELECT a.*, CASE WHEN a.block = 'ALL' THEN ARRAY(
               SELECT u.block FROM block u
               WHERE u.province_code = a.province_code AND u.block <> ALL (a.blocks)
                 AND (u.there @> a.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
                      OR a.summed AND EXISTS (
                          SELECT FROM core.reporting_window m
                          WHERE m.window_kind = a.window_kind AND m.months = 1
                            AND m.year = (SELECT w.year FROM core.reporting_window w
                                          WHERE w.period_id = a.period_id AND w.window_kind = a.window_kind)
                            AND m.period_start >= a.period_start AND m.period_end <= a.period_end
                            AND u.there @> m.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'))
               ORDER BY u.block) ELSE '{}' END AS missing_blocks
    FROM (
        SELECT f.province_code, f.period_id, f.period_start, f.period_end, f.window_kind, l.block,
               CASE WHEN count(f.received) = count(*) THEN sum(f.received)::bigint END AS received,
               CASE WHEN count(f.components_not_digitized) = count(*) THEN sum(f.components_not_digitized)::bigint END AS components_not_digitized,
               CASE WHEN count(f.components_digitized) = count(*) THEN sum(f.components_digitized)::bigint END AS components_digitized,
               CASE WHEN count(f.components_reused) = count(*) THEN sum(f.components_reused)::bigint END AS components_reused,
               CASE WHEN count(f.reused_from_portal) = count(*) THEN sum(f.reused_from_portal)::bigint END AS reused_from_portal,
               CASE WHEN count(f.resolved) = count(*) THEN sum(f.resolved)::bigint END AS resolved,
               CASE WHEN count(f.results_not_digitized) = count(*) THEN sum(f.results_not_digitized)::bigint END AS results_not_digitized,
               CASE WHEN count(f.results_digitized) = count(*) THEN sum(f.results_digitized)::bigint END AS results_digitized,
               sum(f.units)::int AS units,
               CASE WHEN count(f.expected_units) = count(*) THEN sum(f.expected_units)::int END AS expected_units,
               bool_and(f.complete) AS complete, bool_or(f.provisional) AS provisional,
               string_agg(DISTINCT f.basis, ', ' ORDER BY f.basis) AS basis,
               array_agg(f.block) AS blocks, bool_or(f.basis = 'sum') AS summed, max(f.captured_at) AS captured_at,
               coalesce(string_to_array(string_agg(nullif(f.missing_units, ''), E'\n' ORDER BY f.block), E'\n'), '{}') AS missing_units
        FROM (
            SELECT f.province_code, f.period_id, f.period_start, f.period_end, f.window_kind, f.block,
                   CASE WHEN count(f.received) = count(*) THEN sum(f.received)::bigint END AS received,
                   CASE WHEN count(f.components_not_digitized) = count(*) THEN sum(f.components_not_digitized)::bigint END AS components_not_digitized,
                   CASE WHEN count(f.components_digitized) = count(*) THEN sum(f.components_digitized)::bigint END AS components_digitized,
                   CASE WHEN count(f.components_reused) = count(*) THEN sum(f.components_reused)::bigint END AS components_reused,
                   CASE WHEN count(f.reused_from_portal) = count(*) THEN sum(f.reused_from_portal)::bigint END AS reused_from_portal,
                   CASE WHEN count(f.resolved) = count(*) THEN sum(f.resolved)::bigint END AS resolved,
                   CASE WHEN count(f.results_not_digitized) = count(*) THEN sum(f.results_not_digitized)::bigint END AS results_not_digitized,
                   CASE WHEN count(f.results_digitized) = count(*) THEN sum(f.results_digitized)::bigint END AS results_digitized,
                   count(*) AS units, max(f.expected_units) AS expected_units, bool_and(f.complete) AS complete,
                   bool_or(f.provisional) AS provisional, min(f.basis) AS basis, max(f.captured_at) AS captured_at,
                   array_to_string(max(f.missing_units), E'\n') AS missing_units
            FROM core.digitization_told f
            GROUP BY f.province_code, f.period_id, f.period_start, f.period_end, f.window_kind, f.block
        ) f
        CROSS JOIN LATERAL (VALUES (f.block), ('ALL')) AS l (block)
        GROUP BY f.province_code, f.period_id, f.period_start, f.period_end, f.window_kind, l.block
    ) a
) b
CROSS JOIN LATERAL (
    SELECT round(100.0 * b.components_digitized / nullif(b.received, 0), 2) AS components_rate_pct,
           round(100.0 * b.components_reused / nullif(b.received, 0), 2) AS reuse_rate_pct,
           round(100.0 * b.results_digitized / nullif(b.results_digitized + b.results_not_digitized, 0), 2)
               AS results_rate_pct
) r
LEFT JOIN form t ON b.period_end BETWEEN t.first_day AND t.last_day;
COMMENT ON VIEW mart.digitization_totals IS 'Totals of mart.digitization per block, and over the blocks told (block ALL). A total is null where a value is null in a file; a sum of months adds what its months tell, and missing_units names the units that lack in any of them. complete of ALL is true only where every block the province had on the last day (beside sums: on the last day of any month) is told and whole; missing_blocks names those that are not told, and their figures are not in the total.';
COMMENT ON COLUMN mart.digitization_totals.province_code IS 'H-code.';
COMMENT ON COLUMN mart.digitization_totals.period_id IS 'Period the window stands for.';
COMMENT ON COLUMN mart.digitization_totals.period_start IS 'First day the figures are about.';
COMMENT ON COLUMN mart.digitization_totals.period_end IS 'Last day, inclusive.';
COMMENT ON COLUMN mart.digitization_totals.window_kind IS 'administrative (15th to 14th) or calendar.';
COMMENT ON COLUMN mart.digitization_totals.block IS 'department, land_office, district or commune; ALL: the blocks told of the province.';
COMMENT ON COLUMN mart.digitization_totals.received IS 'Dossiers received in the window (Tiếp nhận).';
COMMENT ON COLUMN mart.digitization_totals.components_not_digitized IS 'Received dossiers whose components were not digitized (Chưa số hóa thành phần hồ sơ).';
COMMENT ON COLUMN mart.digitization_totals.components_digitized IS 'Received dossiers whose components were digitized (Có số hóa thành phần hồ sơ).';
COMMENT ON COLUMN mart.digitization_totals.components_reused IS 'Received dossiers that reuse digitized components (Có tái sử dụng thành phần).';
COMMENT ON COLUMN mart.digitization_totals.reused_from_portal IS 'Of these, reused from the national portal (Tái sử dụng từ cổng DVCQG).';
COMMENT ON COLUMN mart.digitization_totals.resolved IS 'Dossiers resolved in the window (Đã giải quyết).';
COMMENT ON COLUMN mart.digitization_totals.results_not_digitized IS 'Resolved dossiers whose result was not digitized (Số hóa kết quả giải quyết: Chưa số hóa).';
COMMENT ON COLUMN mart.digitization_totals.results_digitized IS 'Resolved dossiers whose result was digitized (Số hóa kết quả giải quyết: Đã số hóa).';
COMMENT ON COLUMN mart.digitization_totals.components_rate_pct IS '100 x components_digitized / received, two decimals; null where either is null or received is 0.';
COMMENT ON COLUMN mart.digitization_totals.reuse_rate_pct IS '100 x components_reused / received, two decimals; null where either is null or received is 0.';
COMMENT ON COLUMN mart.digitization_totals.results_rate_pct IS '100 x results_digitized / (results_digitized + results_not_digitized), two decimals; null where either is null or the sum is 0.';
COMMENT ON COLUMN mart.digitization_totals.target_pct IS 'Target of the form in force for results_rate_pct, percent; null: it sets none.';
COMMENT ON COLUMN mart.digitization_totals.met_target IS 'Whether results_rate_pct reaches target_pct (Đạt); null without a rate or a target.';
COMMENT ON COLUMN mart.digitization_totals.column_9 IS 'Total of the measure that the form in force on period_end numbers (9).';
COMMENT ON COLUMN mart.digitization_totals.column_10 IS 'Total of the measure that the form in force on period_end numbers (10).';
COMMENT ON COLUMN mart.digitization_totals.form_id IS 'Form in force on period_end.';
COMMENT ON COLUMN mart.digitization_totals.form_edition IS 'Its edition.';
COMMENT ON COLUMN mart.digitization_totals.units IS 'Units added up.';
COMMENT ON COLUMN mart.digitization_totals.expected_units IS 'Units known on the window''s last day (of a sum: the most of its months); null: not known.';
COMMENT ON COLUMN mart.digitization_totals.complete IS 'True: the block is whole; of ALL: each block is, and none is missing.';
COMMENT ON COLUMN mart.digitization_totals.missing_blocks IS 'Blocks of the province of which nothing was told; empty for a block''s own line.';
COMMENT ON COLUMN mart.digitization_totals.missing_units IS 'Names or codes of known units that lack (of a sum: in any of its months).';
COMMENT ON COLUMN mart.digitization_totals.basis IS 'form, list or sum; of ALL each that occurs.';
COMMENT ON COLUMN mart.digitization_totals.provisional IS 'True: a file was received before the window had ended.';
COMMENT ON COLUMN mart.digitization_totals.captured_at IS 'When the newest of the files was received.';
