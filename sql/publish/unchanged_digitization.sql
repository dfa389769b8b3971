-- What a staged digitization snapshot says otherwise than the published one of the same id: its days, its blocks, its
-- figures. There must be nothing. How many units were expected is no property of the bytes: the units known may have
-- grown since, and what was published then stands.
SELECT (
    SELECT count(*) FROM stage_snapshot s JOIN core.snapshot c ON c.snapshot_id = s.snapshot_id::uuid
    WHERE (s.period_start, s.period_end, coalesce(s.facts, s.rows_published))
          IS DISTINCT FROM (c.period_start, c.period_end, c.facts::bigint)
) + (
    SELECT count(*) FROM (
        SELECT s.snapshot_id::uuid AS snapshot_id, s.block, s.units
        FROM stage_digitization_block s JOIN core.snapshot c ON c.snapshot_id = s.snapshot_id::uuid
    ) s
    FULL JOIN (
        SELECT b.* FROM core.digitization_block b
        WHERE b.snapshot_id IN (SELECT snapshot_id::uuid FROM stage_snapshot)
    ) b ON b.snapshot_id = s.snapshot_id AND b.block = s.block
    WHERE s.units IS DISTINCT FROM b.units
) + (
    SELECT count(*) FROM (
        SELECT s.* FROM stage_digitization s JOIN core.snapshot c ON c.snapshot_id = s.snapshot_id::uuid
    ) s
    FULL JOIN (
        SELECT d.* FROM core.digitization d
        WHERE d.snapshot_id IN (SELECT snapshot_id::uuid FROM stage_snapshot)
    ) d ON d.snapshot_id = s.snapshot_id::uuid AND d.unit_id = s.unit_id::uuid
    WHERE (s.block, s.received, s.components_not_digitized, s.components_digitized, s.components_reused,
           s.reused_from_portal, s.resolved, s.results_not_digitized, s.results_digitized, s.layout,
           s.capture_id::uuid, s.locator, s.attributes::jsonb)
          IS DISTINCT FROM
          (d.block, d.received, d.components_not_digitized, d.components_digitized, d.components_reused,
           d.reused_from_portal, d.resolved, d.results_not_digitized, d.results_digitized, d.layout,
           d.capture_id, d.locator, d.attributes)
)
