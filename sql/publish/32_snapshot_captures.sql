INSERT INTO core.snapshot_capture (snapshot_id, capture_id, group_code, page)
SELECT n.snapshot_id, c.capture_id::uuid, c.group_code, c.page
FROM stage_capture c JOIN stage_new n ON n.snapshot_id = c.snapshot_id::uuid
