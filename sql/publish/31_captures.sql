INSERT INTO ops.capture (capture_id, source, province_code, period_id, group_code, endpoint, page, request, http_status,
                         captured_at, sha256, size_bytes, complete, expected_units, seen_units, note, address)
SELECT DISTINCT ON (c.capture_id) c.capture_id::uuid, c.source, c.province_code, c.period_id, c.group_code, c.endpoint,
       c.page, c.request::jsonb, c.http_status, c.captured_at, c.sha256, c.size_bytes, c.complete, c.expected_units,
       c.seen_units, c.note, c.address
FROM stage_capture c
ORDER BY c.capture_id
ON CONFLICT DO NOTHING
