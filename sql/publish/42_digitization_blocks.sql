INSERT INTO core.digitization_block (snapshot_id, block, units, expected_units, complete, missing_units)
SELECT n.snapshot_id, b.block, b.units, b.expected_units, b.complete,
       ARRAY(SELECT jsonb_array_elements_text(b.missing_units::jsonb))
FROM stage_digitization_block b JOIN stage_new n ON n.snapshot_id = b.snapshot_id::uuid
