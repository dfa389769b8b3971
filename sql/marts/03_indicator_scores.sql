CREATE VIEW mart.indicator_scores AS
SELECT s.province_code, s.period_id, u.unit_code, u.name AS unit_name,
       i.level, f.indicator_code, i.portal_code,
       f.numerator, f.denominator, f.ratio_pct, f.score, f.max_score, f.quality_flag,
       f.snapshot_id, c.captured_at, c.sha256 AS capture_sha256, f.locator,
       u.block, i.group_code, i.name_vi AS indicator_name, f.value, i.value_unit, f.unit_id,
       i.sort_order AS indicator_order, i.inherited, s.complete, s.provisional, s.series
FROM core.current_snapshot s
JOIN core.period p USING (period_id)
JOIN core.indicator_score f USING (snapshot_id)
JOIN ops.capture c USING (capture_id)
JOIN core.indicator i ON i.indicator_code = f.indicator_code
    AND p.first_day >= i.valid_from AND (i.valid_to IS NULL OR p.first_day <= i.valid_to)
JOIN core.unit u ON u.unit_id = f.unit_id AND s.captured_at >= u.valid_from AND s.captured_at < u.valid_to
WHERE s.province_code <> 'VN';
COMMENT ON VIEW mart.indicator_scores IS 'Unit x indicator of the current snapshot of each province and period, at total, group and component level; the province itself is the row whose unit_code is its H-code. A row that is absent was not published, a null was published as null; neither is 0. TOTAL rows are summed here from the six groups (quality_flag COMPUTED_SUM) and only where all six are there. Each row resolves to capture_sha256 (archive object) and locator (JSON path). Names are those in use when the snapshot was captured.';
