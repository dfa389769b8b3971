CREATE VIEW mart.snapshot_captures AS
SELECT sc.snapshot_id, sc.group_code, sc.page, c.captured_at, c.sha256, c.size_bytes, c.endpoint,
       c.request::text AS request_json, c.address
FROM core.snapshot_capture sc
JOIN ops.capture c USING (capture_id);
COMMENT ON VIEW mart.snapshot_captures IS 'The captures behind a snapshot: what was asked, when, and the SHA-256 under which the archive keeps the bytes.';
COMMENT ON COLUMN mart.snapshot_captures.request_json IS 'The request body as sent, as JSON text.';
