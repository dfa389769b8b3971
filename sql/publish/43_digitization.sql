-- A unit must be one of the province's, and the capture one of the logbook's: what cannot be resolved does not arrive,
-- and the count tells.
INSERT INTO core.digitization (snapshot_id, unit_id, period_start, period_end, block, received, components_not_digitized,
                               components_digitized, components_reused, reused_from_portal, resolved,
                               results_not_digitized, results_digitized, layout, capture_id, locator, attributes)
SELECT n.snapshot_id, d.unit_id::uuid, d.period_start, d.period_end, d.block, d.received, d.components_not_digitized,
       d.components_digitized, d.components_reused, d.reused_from_portal, d.resolved,
       d.results_not_digitized, d.results_digitized, d.layout, c.capture_id, d.locator, d.attributes::jsonb
FROM stage_digitization d
JOIN stage_new n ON n.snapshot_id = d.snapshot_id::uuid
    AND n.period_start = d.period_start AND n.period_end = d.period_end
JOIN ops.capture c ON c.capture_id = d.capture_id::uuid
WHERE EXISTS (SELECT FROM core.unit u WHERE u.unit_id = d.unit_id::uuid AND u.province_code = n.province_code)
