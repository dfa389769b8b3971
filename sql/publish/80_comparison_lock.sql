-- One writer per comparison.
SELECT pg_advisory_xact_lock(hashtextextended(comparison_id, 766)) FROM stage_dossier_comparison
