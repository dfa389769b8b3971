-- Helper below the promise: when a province had units of a block; a block may begin, end and begin again.
CREATE VIEW core.block_on_day AS
SELECT province_code, block, range_agg(tstzrange(there_from, there_to)) AS there
FROM core.unit_on_day
WHERE block NOT IN ('country', 'province') AND there_from < there_to
GROUP BY province_code, block;
COMMENT ON VIEW core.block_on_day IS 'The spans of time (half-open) in which a province had units of a block. A month on whose last day it had none is not due for the block.';
