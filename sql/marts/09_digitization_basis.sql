-- Helper below the promise: on what the figures of a block in a window stand. A file of the window itself; or, for a
-- quarter, half or year, the sum of its months, where each month of the same calendar that is due for the block is whole:
-- on whose last day the province had units of it, or of which units were told. Of a block whose units nobody knows every
-- month is due. A whole basis comes before a partial one, then the window's own file before the sum.
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
    SELECT s.province_code, s.period_id, s.period_start, s.period_end, s.window_kind, s.block,
           'sum', s.snapshot_ids, cardinality(s.snapshot_ids),
           NULL, s.expected_units, true,
           ARRAY(SELECT DISTINCT n.unit FROM core.digitization_block m CROSS JOIN LATERAL unnest(m.missing_units) AS n (unit)
                 WHERE m.snapshot_id = ANY (s.snapshot_ids) AND m.block = s.block ORDER BY n.unit),
           s.provisional, s.captured_at, s.portal_period_id
    FROM (
        SELECT c.province_code, w.period_id, w.period_start, w.period_end, w.window_kind, w.year, w.months, w.portal_period_id,
               c.block, array_agg(c.snapshot_id ORDER BY c.period_start) AS snapshot_ids,
               array_agg(m.period_id) AS told, max(c.expected_units) AS expected_units,
               bool_or(c.provisional) AS provisional, max(c.captured_at) AS captured_at
        FROM core.reporting_window w
        JOIN core.reporting_window m ON m.window_kind = w.window_kind AND m.year = w.year AND m.months = 1
            AND m.period_start >= w.period_start AND m.period_end <= w.period_end
        JOIN core.current_digitization c ON c.period_id = m.period_id AND c.period_start = m.period_start
            AND c.period_end = m.period_end AND c.speaks AND c.complete
        WHERE w.months > 1
        GROUP BY c.province_code, w.period_id, w.period_start, w.period_end, w.window_kind, w.year, w.months,
                 w.portal_period_id, c.block
    ) s
    LEFT JOIN core.block_on_day b ON b.province_code = s.province_code AND b.block = s.block
    WHERE cardinality(s.told) = s.months OR NOT EXISTS (
        SELECT FROM core.reporting_window x
        WHERE x.window_kind = s.window_kind AND x.year = s.year AND x.months = 1
          AND x.period_start >= s.period_start AND x.period_end <= s.period_end AND x.period_id <> ALL (s.told)
          AND coalesce(b.there @> x.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', true))
) basis
ORDER BY province_code, period_id, period_start, period_end, window_kind, block, complete DESC, basis = 'sum';
COMMENT ON VIEW core.digitization_basis IS 'On what the digitization figures of a block in a window stand: the form or list of the window itself, or the sum of its months that are due for the block.';
