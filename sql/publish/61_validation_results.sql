INSERT INTO ops.validation_result (snapshot_id, suite, rule, severity, state, element_count, unexpected_count,
                                   observed, expected, detail_vi)
SELECT v.snapshot_id::uuid, v.suite, v.rule, v.severity, v.state, v.element_count, v.unexpected_count, v.observed,
       v.expected, v.detail_vi
FROM stage_validation_result v JOIN stage_new n ON n.snapshot_id = v.snapshot_id::uuid
ON CONFLICT (snapshot_id, suite, rule) DO UPDATE SET
    severity = excluded.severity, state = excluded.state, element_count = excluded.element_count,
    unexpected_count = excluded.unexpected_count, observed = excluded.observed, expected = excluded.expected,
    detail_vi = excluded.detail_vi
