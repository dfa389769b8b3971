INSERT INTO ops.publication (snapshot_id, published_at) SELECT snapshot_id, clock_timestamp() FROM stage_new
