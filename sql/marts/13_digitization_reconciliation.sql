CREATE VIEW mart.digitization_reconciliation AS
SELECT x.province_code, x.period_id, u.unit_code, u.name AS unit_name, x.block, x.measure,
       x.provincial_value, x.portal_value, x.provincial_value - x.portal_value AS difference,
       round(100.0 * (x.provincial_value - x.portal_value) / nullif(x.portal_value, 0), 2) AS difference_pct,
       x.period_start AS provincial_start, x.period_end AS provincial_end,
       x.portal_period_id, p.first_day AS portal_start, p.last_day AS portal_end,
       CASE
           WHEN x.provincial_value IS NULL OR x.portal_value IS NULL THEN 'not_comparable'
           WHEN x.provincial_value = x.portal_value THEN 'agrees'
           -- In whole numbers: 1/31 has no end in decimals, and the border counts.
           WHEN (x.period_start, x.period_end) <> (p.first_day, p.last_day)
                AND (abs(x.provincial_value - x.portal_value) * d.provincial_days
                         <= x.provincial_value * (d.provincial_days - d.shared_days)
                     OR abs(x.provincial_value - x.portal_value) * d.portal_days
                         <= x.portal_value * (d.portal_days - d.shared_days)) THEN 'explained_by_windows'
           ELSE 'disagrees'
       END AS verdict,
       x.window_kind, x.basis, x.indicator_code, x.unit_id, x.snapshot_id, x.capture_sha256, x.locator,
       x.portal_snapshot_id, c.sha256 AS portal_capture_sha256, x.portal_locator,
       x.provisional, x.portal_provisional
FROM (
    -- What the province told, with what the portal says of the same unit.
    SELECT f.province_code, f.period_id, f.block, f.period_start, f.period_end, f.window_kind, f.basis, f.portal_period_id,
           f.unit_id, m.measure, m.indicator_code, m.value AS provincial_value,
           f.snapshot_id, f.capture_sha256, f.locator, f.provisional,
           CASE m.indicator_code WHEN '2.1' THEN i.denominator ELSE i.numerator END AS portal_value,
           s.snapshot_id AS portal_snapshot_id, i.capture_id AS portal_capture_id, i.locator AS portal_locator,
           s.provisional AS portal_provisional
    FROM core.digitization_figures f
    CROSS JOIN LATERAL (VALUES
        ('received', '2.1', f.received), ('results_digitized', '4.1', f.results_digitized),
        ('components_digitized', '4.2', f.components_digitized), ('components_reused', '4.3', f.components_reused)
    ) AS m (measure, indicator_code, value)
    LEFT JOIN core.current_snapshot s ON s.source = 'national_portal' AND s.province_code = f.province_code
        AND s.period_id = f.portal_period_id
    LEFT JOIN core.indicator_score i ON i.snapshot_id = s.snapshot_id AND i.unit_id = f.unit_id
        AND i.indicator_code = m.indicator_code
    UNION ALL
    -- What the portal says of units of the blocks told, of which the province told nothing.
    SELECT b.province_code, b.period_id, b.block, b.period_start, b.period_end, b.window_kind, b.basis, b.portal_period_id,
           i.unit_id, m.measure, i.indicator_code, NULL, NULL, NULL, NULL, b.provisional,
           CASE i.indicator_code WHEN '2.1' THEN i.denominator ELSE i.numerator END,
           s.snapshot_id, i.capture_id, i.locator, s.provisional
    FROM core.digitization_basis b
    JOIN core.current_snapshot s ON s.source = 'national_portal' AND s.province_code = b.province_code
        AND s.period_id = b.portal_period_id
    JOIN core.indicator_score i ON i.snapshot_id = s.snapshot_id
    JOIN (VALUES ('received', '2.1'), ('results_digitized', '4.1'), ('components_digitized', '4.2'),
                 ('components_reused', '4.3')) AS m (measure, indicator_code) USING (indicator_code)
    WHERE EXISTS (
            SELECT FROM core.unit v WHERE v.unit_id = i.unit_id AND v.block = b.block
                AND s.captured_at >= v.valid_from AND s.captured_at < v.valid_to)
      AND NOT EXISTS (
            SELECT FROM core.digitization d WHERE d.snapshot_id = ANY (b.snapshot_ids) AND d.unit_id = i.unit_id)
) x
JOIN core.period p ON p.period_id = x.portal_period_id
CROSS JOIN LATERAL (
    SELECT x.period_end - x.period_start + 1 AS provincial_days, p.last_day - p.first_day + 1 AS portal_days,
           greatest(0, least(x.period_end, p.last_day) - greatest(x.period_start, p.first_day) + 1) AS shared_days
) d
JOIN core.unit_on_day u ON u.unit_id = x.unit_id AND u.province_code = x.province_code
    AND x.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh' >= u.named_from
    AND x.period_end::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh' < u.named_to
LEFT JOIN ops.capture c ON c.capture_id = x.portal_capture_id;
COMMENT ON VIEW mart.digitization_reconciliation IS 'The province''s digitization figures beside the portal''s, one line a unit and measure. An administrative month stands beside the portal''s month before it, everything else beside the portal''s same period; both windows are stated. agrees: the same number. explained_by_windows: the windows differ, and the difference is no more than the days outside the other window can hold (the larger of each side''s value times its share of such days). disagrees: more than that. not_comparable: one side tells nothing.';
COMMENT ON COLUMN mart.digitization_reconciliation.province_code IS 'H-code.';
COMMENT ON COLUMN mart.digitization_reconciliation.period_id IS 'Period the province''s window stands for.';
COMMENT ON COLUMN mart.digitization_reconciliation.unit_code IS 'H-code of the unit; null where it is not known.';
COMMENT ON COLUMN mart.digitization_reconciliation.unit_name IS 'Name in use on the province''s last day.';
COMMENT ON COLUMN mart.digitization_reconciliation.block IS 'department, land_office, district or commune.';
COMMENT ON COLUMN mart.digitization_reconciliation.measure IS 'received (portal: 2.1 denominator), results_digitized (4.1 numerator), components_digitized (4.2 numerator) or components_reused (4.3 numerator).';
COMMENT ON COLUMN mart.digitization_reconciliation.provincial_value IS 'The province''s figure (mart.digitization); null: not told.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_value IS 'The portal''s figure; null: not published.';
COMMENT ON COLUMN mart.digitization_reconciliation.difference IS 'provincial_value minus portal_value.';
COMMENT ON COLUMN mart.digitization_reconciliation.difference_pct IS 'difference in percent of portal_value, two decimals; null where that is 0.';
COMMENT ON COLUMN mart.digitization_reconciliation.provincial_start IS 'First day of the province''s window.';
COMMENT ON COLUMN mart.digitization_reconciliation.provincial_end IS 'Last day of the province''s window, inclusive.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_period_id IS 'Portal period it stands beside.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_start IS 'First day of the portal''s period.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_end IS 'Last day of the portal''s period, inclusive.';
COMMENT ON COLUMN mart.digitization_reconciliation.verdict IS 'agrees, explained_by_windows, disagrees or not_comparable.';
COMMENT ON COLUMN mart.digitization_reconciliation.window_kind IS 'Calendar of the province''s window: administrative or calendar.';
COMMENT ON COLUMN mart.digitization_reconciliation.basis IS 'On what the province''s figure stands: form, list or sum.';
COMMENT ON COLUMN mart.digitization_reconciliation.indicator_code IS 'Indicator of the portal''s figure.';
COMMENT ON COLUMN mart.digitization_reconciliation.unit_id IS 'Unit (core.unit).';
COMMENT ON COLUMN mart.digitization_reconciliation.snapshot_id IS 'Snapshot of the province''s figure; null for a sum, or where it told nothing.';
COMMENT ON COLUMN mart.digitization_reconciliation.capture_sha256 IS 'SHA-256 of the province''s file; null for a sum, or where it told nothing.';
COMMENT ON COLUMN mart.digitization_reconciliation.locator IS 'Place in the province''s file, or the months summed.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_snapshot_id IS 'Snapshot of the portal''s figure; null: the period has not been read.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_capture_sha256 IS 'SHA-256 of the portal''s reply.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_locator IS 'JSON path in the portal''s reply.';
COMMENT ON COLUMN mart.digitization_reconciliation.provisional IS 'True: the province''s file came before its window had ended.';
COMMENT ON COLUMN mart.digitization_reconciliation.portal_provisional IS 'True: the portal was read before its period had ended.';
