CREATE VIEW mart.deadlines AS
SELECT d.province_code, d.period_id, d.duty, d.target_date, d.due_at, d.state, d.released_at,
       d.name_vi, d.window_first, d.window_last, d.portal_period_id, d.preliminary_at, d.final_at, d.release_set,
       d.missing_vi, d.failure, d.failed_at, r.release_no, p.label_vi AS period_label_vi
FROM ops.duty d
JOIN core.period p USING (period_id)
LEFT JOIN ops.release r USING (release_id)
WHERE d.owed;
COMMENT ON VIEW mart.deadlines IS 'What is owed and by when, one line a duty of a report period: its target day, its legal instant, how far it is, and when it was released. Rows are made ahead of time. period_id is the report''s own period; portal_period_id the portal''s it is read beside.';
COMMENT ON COLUMN mart.deadlines.state IS 'awaiting_input, building, awaiting_sign_off, released, released_late or missed.';
COMMENT ON COLUMN mart.deadlines.released_at IS 'When its first final release went out; null: it has not.';
COMMENT ON COLUMN mart.deadlines.release_no IS 'Number of the release that fulfilled it.';
COMMENT ON COLUMN mart.deadlines.period_label_vi IS 'How a document names the report period.';
