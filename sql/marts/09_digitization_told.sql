-- Helper below the promise: what was told of every unit in every window, read or summed, not yet named. A sum of months
-- is null where a month's value is null. It adds the months that tell of the unit; its locator names them. lacking: a
-- month lacks the unit although it was expected, so that the sum is a part only: it counts in totals, which name what
-- lacks, and is no figure of the unit itself.
CREATE VIEW core.digitization_told AS
SELECT b.province_code, b.period_id, b.period_start, b.period_end, b.window_kind, b.block, b.basis,
       d.unit_id, d.received, d.components_not_digitized, d.components_digitized, d.components_reused,
       d.reused_from_portal, d.resolved, d.results_not_digitized, d.results_digitized,
       d.snapshot_id, c.captured_at, c.sha256 AS capture_sha256, d.locator, d.layout, b.expected_units, b.missing_units, b.complete, b.provisional, b.portal_period_id, false AS lacking
FROM core.digitization_basis b
JOIN core.digitization d ON d.snapshot_id = b.snapshot_ids[1] AND d.block = b.block
JOIN ops.capture c USING (capture_id)
WHERE b.basis <> 'sum'
UNION ALL
SELECT s.province_code, s.period_id, s.period_start, s.period_end, s.window_kind, s.block, s.basis,
       s.unit_id, s.received, s.components_not_digitized, s.components_digitized, s.components_reused,
       s.reused_from_portal, s.resolved, s.results_not_digitized, s.results_digitized,
       NULL, s.captured_at, NULL, s.locator, NULL, s.expected_units, s.missing_units, s.complete, s.provisional, s.portal_period_id, l.lacking
FROM (
    SELECT b.province_code, b.period_id, b.period_start, b.period_end, b.window_kind, b.block, b.basis, d.unit_id,
           CASE WHEN count(d.received) = count(*) THEN sum(d.received)::bigint END AS received,
           CASE WHEN count(d.components_not_digitized) = count(*) THEN sum(d.components_not_digitized)::bigint END AS components_not_digitized,
           CASE WHEN count(d.components_digitized) = count(*) THEN sum(d.components_digitized)::bigint END AS components_digitized,
           CASE WHEN count(d.components_reused) = count(*) THEN sum(d.components_reused)::bigint END AS components_reused,
           CASE WHEN count(d.reused_from_portal) = count(*) THEN sum(d.reused_from_portal)::bigint END AS reused_from_portal,
           CASE WHEN count(d.resolved) = count(*) THEN sum(d.resolved)::bigint END AS resolved,
           CASE WHEN count(d.results_not_digitized) = count(*) THEN sum(d.results_not_digitized)::bigint END AS results_not_digitized,
           CASE WHEN count(d.results_digitized) = count(*) THEN sum(d.results_digitized)::bigint END AS results_digitized,
           b.captured_at, 'tổng ' || string_agg(n.period_id, ', ' ORDER BY n.period_id) AS locator,
           count(*) < b.months AS not_always, b.expected_units, b.missing_units, b.complete, b.provisional, b.portal_period_id
    FROM core.digitization_basis b
    CROSS JOIN LATERAL unnest(b.snapshot_ids) AS month (snapshot_id)
    JOIN core.snapshot n ON n.snapshot_id = month.snapshot_id
    JOIN core.digitization d ON d.snapshot_id = month.snapshot_id AND d.block = b.block
    WHERE b.basis = 'sum'
    GROUP BY b.province_code, b.period_id, b.period_start, b.period_end, b.window_kind, b.block, b.basis, d.unit_id, b.captured_at,
             b.months, b.expected_units, b.missing_units, b.complete, b.provisional, b.portal_period_id
) s
CROSS JOIN LATERAL (
    SELECT s.not_always AND EXISTS (
        -- Missing units are named as announced; namesakes as "name (parent or code)".
        SELECT FROM core.unit u CROSS JOIN LATERAL unnest(s.missing_units) AS missing (named)
        WHERE u.unit_id = s.unit_id AND (missing.named = u.name OR starts_with(missing.named, u.name || ' ('))) AS lacking
) l;
COMMENT ON VIEW core.digitization_told IS 'What was told of a unit in a window, on the basis in force: read from the window''s own file, or summed from the months that tell of it. lacking: a month it was expected in does not.';
