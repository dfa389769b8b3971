CREATE VIEW mart.province_ranking AS
WITH card AS (
    SELECT s.source, s.period_id, s.series, s.snapshot_id, s.provisional, p.previous_period_id, f.unit_id,
           u.province_code, u.name AS province_name,
           max(f.score) FILTER (WHERE f.indicator_code = 'CKMB') AS ckmb,
           max(f.score) FILTER (WHERE f.indicator_code = 'TDGQ') AS tdgq,
           max(f.score) FILTER (WHERE f.indicator_code = 'CLGQ') AS clgq,
           max(f.score) FILTER (WHERE f.indicator_code = 'TTTT') AS tttt,
           max(f.score) FILTER (WHERE f.indicator_code = 'MDSH') AS mdsh,
           max(f.score) FILTER (WHERE f.indicator_code = 'MDHL') AS mdhl,
           max(f.score) FILTER (WHERE f.indicator_code = 'TOTAL') AS total,
           max(f.locator) FILTER (WHERE f.indicator_code = 'TOTAL') AS locator,
           max(c.captured_at) AS captured_at, max(c.sha256) AS capture_sha256
    FROM core.current_snapshot s
    JOIN core.period p USING (period_id)
    JOIN core.indicator_score f USING (snapshot_id)
    JOIN ops.capture c USING (capture_id)
    JOIN core.unit u ON u.unit_id = f.unit_id AND s.captured_at >= u.valid_from AND s.captured_at < u.valid_to
    WHERE s.province_code = 'VN' AND u.block = 'province'
    GROUP BY s.source, s.period_id, s.series, s.snapshot_id, s.provisional, p.previous_period_id, f.unit_id,
             u.province_code, u.name
), ranked AS (
    SELECT card.*,
           CASE WHEN total IS NOT NULL THEN
               rank() OVER (PARTITION BY snapshot_id ORDER BY round(total, 2) DESC NULLS LAST)
           END AS rank
    FROM card
)
SELECT r.period_id, r.province_code, r.province_name, r.ckmb, r.tdgq, r.clgq, r.tttt, r.mdsh, r.mdhl, r.total,
       r.rank, r.total - b.total AS total_change, b.rank - r.rank AS rank_change, b.period_id AS compared_period_id,
       r.captured_at, r.snapshot_id, r.capture_sha256, r.locator, r.provisional
FROM ranked r
LEFT JOIN ranked b ON b.source = r.source AND b.period_id = r.previous_period_id AND b.unit_id = r.unit_id AND b.series = r.series;
COMMENT ON VIEW mart.province_ranking IS 'The provinces as the portal''s national page scores them, with rank (competition ranking on two decimals) and change against the previous period of the same kind and series (positive: better).';
COMMENT ON COLUMN mart.province_ranking.captured_at IS 'When the national page was received.';
COMMENT ON COLUMN mart.province_ranking.capture_sha256 IS 'SHA-256 of the national page''s bytes; the archive''s object name.';
COMMENT ON COLUMN mart.province_ranking.locator IS 'JSON path of the province''s total in those bytes.';
COMMENT ON COLUMN mart.province_ranking.ckmb IS 'Score of group CKMB, Công khai, minh bạch (18 at most); null: not published.';
COMMENT ON COLUMN mart.province_ranking.tdgq IS 'Score of group TDGQ, Tiến độ giải quyết (20 at most); null: not published.';
COMMENT ON COLUMN mart.province_ranking.clgq IS 'Score of group CLGQ, Dịch vụ công trực tuyến (12 at most); null: not published.';
COMMENT ON COLUMN mart.province_ranking.tttt IS 'Score of group TTTT, Thanh toán trực tuyến (10 at most); null: not published.';
COMMENT ON COLUMN mart.province_ranking.mdsh IS 'Score of group MDSH, Số hóa hồ sơ (22 at most); null: not published.';
COMMENT ON COLUMN mart.province_ranking.mdhl IS 'Score of group MDHL, Mức độ hài lòng (18 at most); null: not published.';
COMMENT ON COLUMN mart.province_ranking.total IS 'Total as the national page states it.';
COMMENT ON COLUMN mart.province_ranking.rank IS 'Rank among the provinces of the same page, 1,2,2,4 on two decimals; null without a total.';
COMMENT ON COLUMN mart.province_ranking.total_change IS 'total minus total of compared_period_id, in points.';
COMMENT ON COLUMN mart.province_ranking.rank_change IS 'Places gained since compared_period_id (positive: better).';
