CREATE VIEW mart.release_files AS
SELECT r.province_code, r.period_id, r.release_no, f.path, f.duty, f.media_type, f.sha256, f.size_bytes, f.release_id
FROM ops.release_file f
JOIN ops.release r USING (release_id);
COMMENT ON VIEW mart.release_files IS 'The files of every release with their SHA-256, as the manifest of the release names them.';
