CREATE VIEW mart.releases AS
SELECT r.province_code, r.period_id, r.release_no, r.release_set, r.duties, r.stage, r.status, r.needs_sign_off,
       r.publication_no, r.gaps_vi, r.built_at, r.decided_by, r.decided_at, r.decision_comment, r.released_at,
       c.release_no AS corrects_release_no, r.manifest_sha256, r.software_version, r.release_id,
       ARRAY(SELECT s.snapshot_id FROM ops.release_snapshot s WHERE s.release_id = r.release_id ORDER BY 1) AS snapshot_ids
FROM ops.release r
LEFT JOIN ops.release c ON c.release_id = r.corrects;
COMMENT ON VIEW mart.releases IS 'Sets of documents that were built for a report period: draft, approved, rejected, released or superseded; who decided, when and with which comment; from which snapshots. Old releases stay.';
COMMENT ON COLUMN mart.releases.corrects_release_no IS 'Number of the release whose figures it corrects; null: it corrects none.';
COMMENT ON COLUMN mart.releases.snapshot_ids IS 'Snapshots whose figures stand in it (mart.snapshots).';
