-- Helper below the promise: the figures of every unit. A month that is not there is not 0: the sum of a unit that lacks in
-- a month is null. A unit that was not expected in a month (it came or went in between) is summed over the months it has.
CREATE VIEW core.digitization_figures AS
SELECT t.province_code, t.period_id, t.period_start, t.period_end, t.window_kind, t.block, t.basis, t.unit_id,
       CASE WHEN NOT t.lacking THEN t.received END AS received,
       CASE WHEN NOT t.lacking THEN t.components_not_digitized END AS components_not_digitized,
       CASE WHEN NOT t.lacking THEN t.components_digitized END AS components_digitized,
       CASE WHEN NOT t.lacking THEN t.components_reused END AS components_reused,
       CASE WHEN NOT t.lacking THEN t.reused_from_portal END AS reused_from_portal,
       CASE WHEN NOT t.lacking THEN t.resolved END AS resolved,
       CASE WHEN NOT t.lacking THEN t.results_not_digitized END AS results_not_digitized,
       CASE WHEN NOT t.lacking THEN t.results_digitized END AS results_digitized,
       t.snapshot_id, t.captured_at, t.capture_sha256, t.locator, t.layout, t.expected_units, t.missing_units, t.complete, t.provisional, t.portal_period_id
FROM core.digitization_told t;
COMMENT ON VIEW core.digitization_figures IS 'Digitization figures per unit and window on the basis in force: read from the window''s own file, or summed from its months.';
