CREATE VIEW mart.digitization AS
-- Materialized: a handful of rows; looked up anew for each unit it took half of the time.
WITH form AS MATERIALIZED (SELECT * FROM core.form_in_force)
SELECT f.province_code, f.period_id, u.unit_code, u.name AS unit_name, f.block, f.period_start, f.period_end,
       f.received, f.components_not_digitized, f.components_digitized, f.components_reused,
       f.reused_from_portal, f.resolved, f.results_not_digitized, f.results_digitized,
       f.window_kind, f.basis, r.components_rate_pct, r.reuse_rate_pct, r.results_rate_pct, t.target_pct,
       r.results_rate_pct >= t.target_pct AS met_target,
       CASE t.measure_9
           WHEN 'received' THEN f.received
           WHEN 'components_not_digitized' THEN f.components_not_digitized
           WHEN 'components_digitized' THEN f.components_digitized
           WHEN 'components_reused' THEN f.components_reused
           WHEN 'reused_from_portal' THEN f.reused_from_portal
           WHEN 'resolved' THEN f.resolved
           WHEN 'results_not_digitized' THEN f.results_not_digitized
           WHEN 'results_digitized' THEN f.results_digitized END AS column_9,
       CASE t.measure_10
           WHEN 'received' THEN f.received
           WHEN 'components_not_digitized' THEN f.components_not_digitized
           WHEN 'components_digitized' THEN f.components_digitized
           WHEN 'components_reused' THEN f.components_reused
           WHEN 'reused_from_portal' THEN f.reused_from_portal
           WHEN 'resolved' THEN f.resolved
           WHEN 'results_not_digitized' THEN f.results_not_digitized
           WHEN 'results_digitized' THEN f.results_digitized END AS column_10,
       t.form_id, t.edition AS form_edition, f.complete, f.provisional, f.unit_id, f.snapshot_id, f.captured_at,
       f.capture_sha256, f.locator, f.layout
FROM core.digitization_figures f
JOIN core.unit_on_day u ON u.unit_id = f.unit_id AND u.province_code = f.province_code
    AND f.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh' >= u.named_from
    AND f.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh' < u.named_to
CROSS JOIN LATERAL (
    SELECT round(100.0 * f.components_digitized / nullif(f.received, 0), 2) AS components_rate_pct,
           round(100.0 * f.components_reused / nullif(f.received, 0), 2) AS reuse_rate_pct,
           round(100.0 * f.results_digitized / nullif(f.results_digitized + f.results_not_digitized, 0), 2)
               AS results_rate_pct
) r
LEFT JOIN form t ON f.period_end BETWEEN t.first_day AND t.last_day;
COMMENT ON VIEW mart.digitization IS 'Provincial digitization figures, one line a unit and window, on the basis in force: the form, else the dossier list, of the window itself; for a quarter, half or year without a file of its own the sum of its whole months (of those in which the province had units of the block). Null means not told, never 0. Names are those in use on the window''s last day.';
COMMENT ON COLUMN mart.digitization.province_code IS 'H-code.';
COMMENT ON COLUMN mart.digitization.period_id IS 'Period the window stands for.';
COMMENT ON COLUMN mart.digitization.unit_code IS 'H-code of the unit; null where it is not known.';
COMMENT ON COLUMN mart.digitization.unit_name IS 'Name in use on the window''s last day.';
COMMENT ON COLUMN mart.digitization.block IS 'department, land_office, district or commune.';
COMMENT ON COLUMN mart.digitization.period_start IS 'First day the figures are about.';
COMMENT ON COLUMN mart.digitization.period_end IS 'Last day, inclusive.';
COMMENT ON COLUMN mart.digitization.received IS 'Dossiers received in the window (Tiếp nhận).';
COMMENT ON COLUMN mart.digitization.components_not_digitized IS 'Received dossiers whose components were not digitized (Chưa số hóa thành phần hồ sơ).';
COMMENT ON COLUMN mart.digitization.components_digitized IS 'Received dossiers whose components were digitized (Có số hóa thành phần hồ sơ).';
COMMENT ON COLUMN mart.digitization.components_reused IS 'Received dossiers that reuse digitized components (Có tái sử dụng thành phần).';
COMMENT ON COLUMN mart.digitization.reused_from_portal IS 'Of these, reused from the national portal (Tái sử dụng từ cổng DVCQG).';
COMMENT ON COLUMN mart.digitization.resolved IS 'Dossiers resolved in the window (Đã giải quyết).';
COMMENT ON COLUMN mart.digitization.results_not_digitized IS 'Resolved dossiers whose result was not digitized (Số hóa kết quả giải quyết: Chưa số hóa).';
COMMENT ON COLUMN mart.digitization.results_digitized IS 'Resolved dossiers whose result was digitized (Số hóa kết quả giải quyết: Đã số hóa).';
COMMENT ON COLUMN mart.digitization.window_kind IS 'administrative (15th to 14th) or calendar.';
COMMENT ON COLUMN mart.digitization.basis IS 'form (the province''s form), list (counted from the dossier list) or sum (of the months named in locator).';
COMMENT ON COLUMN mart.digitization.components_rate_pct IS '100 x components_digitized / received, two decimals; null where either is null or received is 0.';
COMMENT ON COLUMN mart.digitization.reuse_rate_pct IS '100 x components_reused / received, two decimals; null where either is null or received is 0.';
COMMENT ON COLUMN mart.digitization.results_rate_pct IS '100 x results_digitized / (results_digitized + results_not_digitized), two decimals; null where either is null or the sum is 0.';
COMMENT ON COLUMN mart.digitization.target_pct IS 'Target of the form in force for results_rate_pct, percent; null: it sets none.';
COMMENT ON COLUMN mart.digitization.met_target IS 'Whether results_rate_pct reaches target_pct (Đạt); null without a rate or a target.';
COMMENT ON COLUMN mart.digitization.column_9 IS 'Value of the measure that the form in force on period_end numbers (9); null where that column is no measure.';
COMMENT ON COLUMN mart.digitization.column_10 IS 'Value of the measure that the form in force on period_end numbers (10); null where that column is no measure.';
COMMENT ON COLUMN mart.digitization.form_id IS 'Form in force on period_end, by which column_9 and column_10 are numbered.';
COMMENT ON COLUMN mart.digitization.form_edition IS 'Its edition.';
COMMENT ON COLUMN mart.digitization.complete IS 'True: the unit''s block is whole (no more known units lack than tolerated).';
COMMENT ON COLUMN mart.digitization.provisional IS 'True: received before the window had ended (of a sum: one of its months was).';
COMMENT ON COLUMN mart.digitization.unit_id IS 'Unit (core.unit).';
COMMENT ON COLUMN mart.digitization.snapshot_id IS 'Snapshot the row was read in (mart.snapshots); null for a sum.';
COMMENT ON COLUMN mart.digitization.captured_at IS 'When the file was received; of a sum the newest of its months'' files.';
COMMENT ON COLUMN mart.digitization.capture_sha256 IS 'SHA-256 of the file''s bytes, the archive''s object name; null for a sum, whose months are rows of this view.';
COMMENT ON COLUMN mart.digitization.locator IS 'Sheet and row or JSON path in the file; of a sum the months it adds up.';
COMMENT ON COLUMN mart.digitization.layout IS 'Layout the row was read under (form_id@edition); null for a sum.';
