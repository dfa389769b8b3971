-- One writer per source, province and period; the order keeps two batches from waiting for each other.
SELECT pg_advisory_xact_lock(hashtextextended(scope, 766))
FROM (SELECT DISTINCT source || '/' || province_code || '/' || period_id AS scope FROM stage_snapshot ORDER BY 1) AS scopes
