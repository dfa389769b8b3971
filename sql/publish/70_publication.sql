INSERT INTO ops.publication (snapshot_id, published_at, publication_no)
SELECT snapshot_id, clock_timestamp(),
       (SELECT coalesce(max(publication_no), 0) FROM ops.publication) + row_number() OVER (ORDER BY captured_at, snapshot_id)
FROM stage_new
