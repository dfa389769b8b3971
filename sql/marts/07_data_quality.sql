-- Not materialized, and units asked snapshot by snapshot: a question about one province and period then reads its own
-- snapshots only (34 provinces x 5 years: 3.4 s, now 0.1 s).
CREATE VIEW mart.data_quality AS
WITH cur AS NOT MATERIALIZED (
    SELECT s.*, p.previous_period_id FROM core.current_snapshot s JOIN core.period p USING (period_id)
), files AS NOT MATERIALIZED (
    SELECT s.* FROM core.snapshot_as_known s
    WHERE s.snapshot_id IN (SELECT d.snapshot_id FROM core.current_digitization d WHERE d.speaks)
), spoken AS NOT MATERIALIZED (
    SELECT province_code, period_id, snapshot_id, provisional, period_start FROM cur
    UNION ALL SELECT province_code, period_id, snapshot_id, provisional, period_start FROM files
)
SELECT s.province_code, s.period_id, 'check' AS kind, v.rule AS subject, v.severity, v.state,
       v.observed, v.expected, v.detail_vi, s.snapshot_id
FROM spoken s JOIN ops.validation_result v USING (snapshot_id)
UNION ALL
SELECT s.province_code, s.period_id, 'flag', f.indicator_code || ' ' || f.quality_flag, 'info', 'warned',
       count(*)::text, NULL,
       'Cổng gắn cờ chất lượng ' || f.quality_flag || ' cho chỉ số ' || f.indicator_code || ' ở ' || count(*) || ' đơn vị: số liệu mang tính tạm thời.',
       s.snapshot_id
FROM cur s JOIN core.indicator_score f USING (snapshot_id)
WHERE f.quality_flag IS NOT NULL AND f.quality_flag <> 'COMPUTED_SUM'
GROUP BY s.province_code, s.period_id, s.snapshot_id, f.indicator_code, f.quality_flag
UNION ALL
SELECT s.province_code, s.period_id, 'group', g, 'fail', 'failed', 'thiếu', 'đủ',
       'Nhóm ' || g || ' không đủ đơn vị hoặc không có trong lần đọc này: không dùng và không thay bằng 0.', s.snapshot_id
FROM cur s CROSS JOIN LATERAL unnest(s.missing_groups) AS g
UNION ALL
SELECT s.province_code, s.period_id, 'provisional', s.period_id, 'warn', 'warned', NULL, NULL,
       CASE WHEN s.period_start IS NULL THEN 'Số liệu tạm: đọc khi kỳ chưa kết thúc.'
            ELSE 'Số liệu tạm: nhận khi kỳ số liệu chưa kết thúc.' END, s.snapshot_id
FROM spoken s WHERE s.provisional
UNION ALL
SELECT s.province_code, s.period_id, 'quarantine', q.rule, q.severity, CASE q.severity WHEN 'fail' THEN 'failed' ELSE 'warned' END,
       count(*)::text, '0', count(*) || ' giá trị bị giữ lại, không đưa vào kho: ' || min(q.message_vi), s.snapshot_id
FROM spoken s JOIN quarantine.rejected_row q USING (snapshot_id)
GROUP BY s.province_code, s.period_id, s.snapshot_id, q.rule, q.severity
UNION ALL
SELECT s.province_code, s.period_id, 'block', b.block, 'warn', 'warned', b.units::text, b.expected_units::text,
       'Khối ' || CASE b.block WHEN 'department' THEN 'sở, ban, ngành' WHEN 'land_office' THEN 'văn phòng đăng ký đất đai'
                              WHEN 'district' THEN 'cấp huyện' ELSE 'cấp xã' END
       || ' chưa đủ đơn vị; còn thiếu: ' || array_to_string(b.missing_units, '; ') || '.', s.snapshot_id
FROM files s JOIN core.current_digitization b ON b.snapshot_id = s.snapshot_id AND b.speaks AND NOT b.complete
UNION ALL
SELECT s.province_code, s.period_id, 'missing_unit', coalesce(u.unit_code, u.name), 'warn', 'warned', 'không có', b.period_id,
       u.name || ' có trong kỳ ' || b.period_id || ' nhưng không có trong kỳ này.', s.snapshot_id
FROM cur s JOIN cur b ON b.source = s.source AND b.province_code = s.province_code AND b.period_id = s.previous_period_id
    AND b.complete AND s.complete
CROSS JOIN LATERAL (
    SELECT f.unit_id FROM core.indicator_score f WHERE f.snapshot_id = b.snapshot_id
    EXCEPT SELECT f.unit_id FROM core.indicator_score f WHERE f.snapshot_id = s.snapshot_id) mb
JOIN core.unit u ON u.unit_id = mb.unit_id AND s.captured_at >= u.valid_from AND s.captured_at < u.valid_to
UNION ALL
SELECT s.province_code, s.period_id, 'new_unit', coalesce(u.unit_code, u.name), 'info', 'warned', 'có', b.period_id,
       u.name || ' là đơn vị mới so với kỳ ' || b.period_id || '.', s.snapshot_id
FROM cur s JOIN cur b ON b.source = s.source AND b.province_code = s.province_code AND b.period_id = s.previous_period_id
    AND b.complete AND s.complete
CROSS JOIN LATERAL (
    SELECT f.unit_id FROM core.indicator_score f WHERE f.snapshot_id = s.snapshot_id
    EXCEPT SELECT f.unit_id FROM core.indicator_score f WHERE f.snapshot_id = b.snapshot_id) m
JOIN core.unit u ON u.unit_id = m.unit_id AND s.captured_at >= u.valid_from AND s.captured_at < u.valid_to
UNION ALL
SELECT s.province_code, s.period_id, 'new_unit', s.province_code, 'info', 'passed', count(*)::text, NULL,
       'Lần đọc đầu tiên của kỳ này không có kỳ liền trước để đối chiếu danh sách đơn vị: ' || count(*) || ' đơn vị.', s.snapshot_id
FROM cur s CROSS JOIN LATERAL (SELECT DISTINCT f.unit_id FROM core.indicator_score f WHERE f.snapshot_id = s.snapshot_id) m
WHERE NOT EXISTS (
    SELECT FROM cur b WHERE b.source = s.source AND b.province_code = s.province_code
        AND b.period_id = s.previous_period_id AND b.complete AND s.complete)
GROUP BY s.province_code, s.period_id, s.snapshot_id;
COMMENT ON VIEW mart.data_quality IS 'Everything a reader must know before trusting a current snapshot (of the portal, or of a digitization form or list: see source in mart.snapshots), one line a matter: checks with their verdict, provisional flags of the portal, refused groups and rows, blocks that are not whole, units that came or went since the previous like period. detail_vi is the sentence for documents.';
COMMENT ON COLUMN mart.data_quality.province_code IS 'H-code; VN for the national ranking.';
COMMENT ON COLUMN mart.data_quality.period_id IS 'Portal period.';
COMMENT ON COLUMN mart.data_quality.kind IS 'check, flag, group, block, provisional, quarantine, missing_unit or new_unit.';
COMMENT ON COLUMN mart.data_quality.subject IS 'Rule, indicator and flag, group, block, period or unit the line is about.';
COMMENT ON COLUMN mart.data_quality.severity IS 'fail, warn or info.';
COMMENT ON COLUMN mart.data_quality.state IS 'passed, warned or failed.';
COMMENT ON COLUMN mart.data_quality.observed IS 'What was seen.';
COMMENT ON COLUMN mart.data_quality.expected IS 'What was asked for.';
COMMENT ON COLUMN mart.data_quality.detail_vi IS 'The sentence for documents, in Vietnamese.';
COMMENT ON COLUMN mart.data_quality.snapshot_id IS 'The snapshot it is about (mart.snapshots).';
