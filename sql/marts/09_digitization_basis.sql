-- Helper below the promise: on what the figures of a block in a window stand. A file of the window itself; or, for a
-- quarter, half or year, the sum of its months, where each month of the same calendar is whole. A whole basis comes
-- before a partial one, then the window's own file before the sum.
CREATE VIEW core.digitization_basis AS
SELECT DISTINCT ON (province_code, period_id, period_start, period_end, window_kind, block)
       province_code, period_id, period_start, period_end, window_kind, block, basis, snapshot_ids, months,
       units, expected_units, complete, missing_units, provisional, captured_at, portal_period_id
FROM (
    SELECT c.province_code, c.period_id, c.period_start, c.period_end, w.window_kind, c.block,
           CASE c.source WHEN 'digitization_form' THEN 'form' ELSE 'list' END AS basis,
           ARRAY[c.snapshot_id] AS snapshot_ids, 1 AS months,
           c.units, c.expected_units, c.complete, c.missing_units, c.provisional, c.captured_at, w.portal_period_id
    FROM core.current_digitization c
    JOIN core.reporting_window w USING (period_id, period_start, period_end)
    WHERE c.speaks
    UNION ALL
    SELECT c.province_code, w.period_id, w.period_start, w.period_end, w.window_kind, c.block,
           'sum', array_agg(c.snapshot_id ORDER BY c.period_start), w.months,
           NULL, max(c.expected_units), true,
           coalesce(array_agg(DISTINCT missing.unit) FILTER (WHERE missing.unit IS NOT NULL), '{}'),
           bool_or(c.provisional), max(c.captured_at), w.portal_period_id
    FROM core.reporting_window w
    JOIN core.reporting_window m ON m.window_kind = w.window_kind AND m.year = w.year AND m.months = 1
        AND m.period_start >= w.period_start AND m.period_end <= w.period_end
    JOIN core.current_digitization c ON c.period_id = m.period_id AND c.period_start = m.period_start
        AND c.period_end = m.period_end AND c.speaks AND c.complete
    LEFT JOIN LATERAL unnest(c.missing_units) AS missing (unit) ON true
    WHERE w.months > 1
    GROUP BY c.province_code, w.period_id, w.period_start, w.period_end, w.window_kind, c.block, w.months, w.portal_period_id
    HAVING count(DISTINCT c.snapshot_id) = w.months
) basis
ORDER BY province_code, period_id, period_start, period_end, window_kind, block, complete DESC, basis = 'sum';
COMMENT ON VIEW core.digitization_basis IS 'On what the digitization figures of a block in a window stand: the form or list of the window itself, or the sum of its months.';
