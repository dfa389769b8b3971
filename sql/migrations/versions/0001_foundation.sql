-- The warehouse's five schemas, its tables and its two roles.
-- Tables may change in later migrations; the views of `mart` are the promise.

CREATE SCHEMA IF NOT EXISTS staging;
CREATE SCHEMA IF NOT EXISTS core;
CREATE SCHEMA IF NOT EXISTS mart;
CREATE SCHEMA IF NOT EXISTS quarantine;
CREATE SCHEMA IF NOT EXISTS ops;
COMMENT ON SCHEMA staging IS 'Shapes of what a load brings in. Loads COPY into temporary tables made LIKE these, so parallel loads never meet.';
COMMENT ON SCHEMA core IS 'Dimensions and facts. Written only by the publish step, one transaction per load.';
COMMENT ON SCHEMA mart IS 'The promise to analysts: views only.';
COMMENT ON SCHEMA quarantine IS 'Rows that were read but refused, each with the reason and the remedy.';
COMMENT ON SCHEMA ops IS 'The logbook: captures, runs, check results, publications.';

-- ---------------------------------------------------------------- core: dimensions

CREATE TABLE core.period (
    period_id          text PRIMARY KEY,
    kind               text NOT NULL CHECK (kind IN ('month', 'quarter', 'half', 'year')),
    year               int  NOT NULL,
    number             int  NOT NULL,
    first_day          date NOT NULL,
    last_day           date NOT NULL,
    previous_period_id text NOT NULL,
    label_vi           text NOT NULL
);
COMMENT ON TABLE core.period IS 'Calendar periods 2020-2040 as the portal reckons them.';
COMMENT ON COLUMN core.period.period_id IS 'Id: 2023-05 (month), 2023-Q2, 2023-H1, 2023 (year).';
COMMENT ON COLUMN core.period.kind IS 'month, quarter, half or year.';
COMMENT ON COLUMN core.period.year IS 'Calendar year.';
COMMENT ON COLUMN core.period.number IS 'Number of the period within its year, from 1.';
COMMENT ON COLUMN core.period.first_day IS 'First day, inclusive.';
COMMENT ON COLUMN core.period.last_day IS 'Last day, inclusive.';
COMMENT ON COLUMN core.period.previous_period_id IS 'The previous period of the same kind: the only one it may be compared with.';
COMMENT ON COLUMN core.period.label_vi IS 'How a document names it.';

CREATE TABLE core.indicator (
    indicator_code text NOT NULL,
    valid_from     date NOT NULL,
    valid_to       date,
    edition        text NOT NULL,
    series         text NOT NULL,
    level          text NOT NULL CHECK (level IN ('total', 'group', 'component')),
    group_code     text,
    portal_code    text,
    name_vi        text NOT NULL,
    max_score      numeric,
    rule           text,
    threshold      numeric,
    inherited      boolean NOT NULL,
    published      boolean NOT NULL,
    value_unit     text,
    confidence     text,
    sort_order     int  NOT NULL,
    PRIMARY KEY (indicator_code, valid_from)
);
COMMENT ON TABLE core.indicator IS 'Dated indicator catalogue of Decision 766/QĐ-TTg, loaded from etl/reference/indicators.yml.';
COMMENT ON COLUMN core.indicator.indicator_code IS 'TOTAL, a group code (CKMB, TDGQ, CLGQ, TTTT, MDSH, MDHL) or a component id such as 4.2.';
COMMENT ON COLUMN core.indicator.valid_from IS 'First day the definition is in force.';
COMMENT ON COLUMN core.indicator.valid_to IS 'Last day it is in force; null: still in force.';
COMMENT ON COLUMN core.indicator.edition IS 'Edition of the catalogue the definition belongs to.';
COMMENT ON COLUMN core.indicator.series IS 'Scores of different series must never be compared.';
COMMENT ON COLUMN core.indicator.level IS 'total, group or component.';
COMMENT ON COLUMN core.indicator.group_code IS 'Group of a component or of the group itself; null for TOTAL.';
COMMENT ON COLUMN core.indicator.portal_code IS 'Metric code in the portal''s reply; null where the reply has fields instead.';
COMMENT ON COLUMN core.indicator.name_vi IS 'Published name.';
COMMENT ON COLUMN core.indicator.max_score IS 'Points at most; null: undetermined, never 0.';
COMMENT ON COLUMN core.indicator.rule IS 'linear, threshold or monitored; null: unknown.';
COMMENT ON COLUMN core.indicator.threshold IS 'Ratio in percent that earns the maximum (rule threshold).';
COMMENT ON COLUMN core.indicator.inherited IS 'True: the province''s value is copied to every unit; no unit ranking on it.';
COMMENT ON COLUMN core.indicator.published IS 'False: named by a document, but the portal''s reply has no field for it.';
COMMENT ON COLUMN core.indicator.value_unit IS 'Unit of the column value of the facts, where it is used.';
COMMENT ON COLUMN core.indicator.confidence IS 'A verified on real replies, B few samples, C one source, D sources disagree.';
COMMENT ON COLUMN core.indicator.sort_order IS 'Order in documents.';

CREATE TABLE core.unit (
    unit_id       uuid NOT NULL,
    valid_from    timestamptz NOT NULL,
    valid_to      timestamptz NOT NULL DEFAULT 'infinity',
    province_code text NOT NULL,
    block         text NOT NULL CHECK (block IN ('country', 'province', 'department', 'district', 'commune')),
    unit_code     text,
    name          text NOT NULL,
    name_key      text NOT NULL,
    parent_key    text,
    source        text NOT NULL,
    PRIMARY KEY (unit_id, valid_from),
    CHECK (valid_from < valid_to)
);
CREATE INDEX unit_province ON core.unit (province_code, block);
COMMENT ON TABLE core.unit IS 'Units as a slowly changing dimension (type 2): one row per unit and version.';
COMMENT ON COLUMN core.unit.unit_id IS 'Durable id, the same in every warehouse (derived from the portal''s UUID or the legal list''s code).';
COMMENT ON COLUMN core.unit.valid_from IS 'When this version was first seen, or the legal date of a listed unit.';
COMMENT ON COLUMN core.unit.valid_to IS 'When it stopped holding (exclusive); infinity: still holds.';
COMMENT ON COLUMN core.unit.province_code IS 'H-code of the province; VN for the country.';
COMMENT ON COLUMN core.unit.block IS 'country, province, department, district or commune.';
COMMENT ON COLUMN core.unit.unit_code IS 'H-code such as H44.100; null where it is not known.';
COMMENT ON COLUMN core.unit.name IS 'Name as announced.';
COMMENT ON COLUMN core.unit.name_key IS 'Name folded for comparison (composed Unicode, one case, single spaces).';
COMMENT ON COLUMN core.unit.parent_key IS 'GSO code of the unit above, where the list gives one.';
COMMENT ON COLUMN core.unit.source IS 'Who announced it: national_portal, or the file of the legal list.';

CREATE TABLE core.unit_key (
    key_type   text NOT NULL CHECK (key_type IN ('portal_id', 'legacy_id', 'h_code', 'gso_code', 'name')),
    key_value  text NOT NULL,
    unit_id    uuid NOT NULL,
    first_seen timestamptz NOT NULL,
    PRIMARY KEY (key_type, key_value, unit_id)
);
CREATE UNIQUE INDEX unit_key_portal ON core.unit_key (key_value) WHERE key_type = 'portal_id';
COMMENT ON TABLE core.unit_key IS 'Crosswalk: every key a source uses for a unit. A name is never a key by itself, so it carries its province.';
COMMENT ON COLUMN core.unit_key.key_type IS 'portal_id, legacy_id, h_code, gso_code or name (province code, bar, folded name).';
COMMENT ON COLUMN core.unit_key.key_value IS 'The key as the source writes it.';
COMMENT ON COLUMN core.unit_key.unit_id IS 'The unit it means.';
COMMENT ON COLUMN core.unit_key.first_seen IS 'When the key was first seen.';

-- ---------------------------------------------------------------- core: snapshots and facts

CREATE TABLE core.snapshot (
    snapshot_id      uuid PRIMARY KEY,
    source           text NOT NULL,
    province_code    text NOT NULL,
    period_id        text NOT NULL REFERENCES core.period,
    series           text NOT NULL,
    captured_at      timestamptz NOT NULL,
    complete         boolean NOT NULL,
    provisional      boolean NOT NULL,
    reader           text NOT NULL,
    missing_groups   text[] NOT NULL,
    rows_read        int NOT NULL,
    rows_published   int NOT NULL,
    rows_quarantined int NOT NULL,
    rows_ignored     int NOT NULL,
    CHECK (rows_read = rows_published + rows_quarantined + rows_ignored)
);
CREATE INDEX snapshot_scope ON core.snapshot (source, province_code, period_id, captured_at);
COMMENT ON TABLE core.snapshot IS 'One consistent reading of a source for a province and period. Its row appears in the same transaction as its facts.';
COMMENT ON COLUMN core.snapshot.snapshot_id IS 'Derived from the captures it was read from and the reader''s version: same bytes, same id.';
COMMENT ON COLUMN core.snapshot.source IS 'Name of the source room, such as national_portal.';
COMMENT ON COLUMN core.snapshot.province_code IS 'H-code; VN for the national ranking.';
COMMENT ON COLUMN core.snapshot.period_id IS 'Portal period.';
COMMENT ON COLUMN core.snapshot.series IS 'Series of the catalogue in force; never compare across series.';
COMMENT ON COLUMN core.snapshot.captured_at IS 'When the newest of its captures was taken.';
COMMENT ON COLUMN core.snapshot.complete IS 'True: every group was there and whole. A partial snapshot never stands in for a complete one.';
COMMENT ON COLUMN core.snapshot.provisional IS 'True: captured before the period had ended.';
COMMENT ON COLUMN core.snapshot.reader IS 'Version of the reader that made rows of the bytes.';
COMMENT ON COLUMN core.snapshot.missing_groups IS 'Groups that were refused or absent.';
COMMENT ON COLUMN core.snapshot.rows_read IS 'Rows read = published + quarantined + ignored.';
COMMENT ON COLUMN core.snapshot.rows_published IS 'Rows that came from the source into core.indicator_score (computed totals not counted).';
COMMENT ON COLUMN core.snapshot.rows_quarantined IS 'Rows refused, each in quarantine.rejected_row.';
COMMENT ON COLUMN core.snapshot.rows_ignored IS 'Rows declared ignorable.';

CREATE TABLE core.snapshot_capture (
    snapshot_id uuid NOT NULL REFERENCES core.snapshot,
    capture_id  uuid NOT NULL,
    group_code  text NOT NULL,
    page        int  NOT NULL,
    PRIMARY KEY (snapshot_id, capture_id)
);
COMMENT ON TABLE core.snapshot_capture IS 'Which captures a snapshot was read from.';
COMMENT ON COLUMN core.snapshot_capture.snapshot_id IS 'The snapshot.';
COMMENT ON COLUMN core.snapshot_capture.capture_id IS 'The capture (ops.capture).';
COMMENT ON COLUMN core.snapshot_capture.group_code IS 'Indicator group the capture answers; MANIFEST for the snapshot''s own list.';
COMMENT ON COLUMN core.snapshot_capture.page IS 'Page of the reply, from 1.';

CREATE TABLE core.indicator_score (
    snapshot_id    uuid NOT NULL,
    unit_id        uuid NOT NULL,
    indicator_code text NOT NULL,
    numerator      bigint,
    denominator    bigint,
    ratio_pct      numeric,
    score          numeric,
    max_score      numeric,
    value          numeric,
    quality_flag   text,
    capture_id     uuid NOT NULL,
    locator        text NOT NULL,
    attributes     jsonb,
    PRIMARY KEY (snapshot_id, unit_id, indicator_code)
);
COMMENT ON TABLE core.indicator_score IS 'Facts: unit x indicator of a snapshot, the portal''s values to the last digit. No row means not published; null means published as null; neither is 0. References are resolved by the publish step''s joins, which refuse what they cannot resolve.';
COMMENT ON COLUMN core.indicator_score.snapshot_id IS 'Snapshot (core.snapshot).';
COMMENT ON COLUMN core.indicator_score.unit_id IS 'Unit (core.unit).';
COMMENT ON COLUMN core.indicator_score.indicator_code IS 'Indicator (core.indicator).';
COMMENT ON COLUMN core.indicator_score.numerator IS 'Count above the line.';
COMMENT ON COLUMN core.indicator_score.denominator IS 'Count below the line.';
COMMENT ON COLUMN core.indicator_score.ratio_pct IS 'Ratio in percent, 0-100.';
COMMENT ON COLUMN core.indicator_score.score IS 'Points.';
COMMENT ON COLUMN core.indicator_score.max_score IS 'Points at most, as the reply states it.';
COMMENT ON COLUMN core.indicator_score.value IS 'A measured value that is no ratio (2.2: average days); unit in core.indicator.value_unit.';
COMMENT ON COLUMN core.indicator_score.quality_flag IS 'The portal''s data quality status; COMPUTED_SUM marks totals summed here from the six groups.';
COMMENT ON COLUMN core.indicator_score.capture_id IS 'Capture the row was read from (ops.capture).';
COMMENT ON COLUMN core.indicator_score.locator IS 'JSON path in the captured bytes.';
COMMENT ON COLUMN core.indicator_score.attributes IS 'Every other field of the entity, as published, so that nothing is dropped.';

CREATE TABLE core.restatement (
    old_snapshot_id uuid NOT NULL REFERENCES core.snapshot,
    new_snapshot_id uuid NOT NULL REFERENCES core.snapshot,
    unit_id         uuid NOT NULL,
    indicator_code  text NOT NULL,
    field           text NOT NULL,
    old_value       numeric,
    new_value       numeric,
    old_text        text,
    new_text        text,
    PRIMARY KEY (new_snapshot_id, old_snapshot_id, unit_id, indicator_code, field)
);
COMMENT ON TABLE core.restatement IS 'Differences between a complete snapshot and the complete one before it, of the same source, province and period.';
COMMENT ON COLUMN core.restatement.old_snapshot_id IS 'Snapshot before.';
COMMENT ON COLUMN core.restatement.new_snapshot_id IS 'Snapshot after.';
COMMENT ON COLUMN core.restatement.unit_id IS 'Unit.';
COMMENT ON COLUMN core.restatement.indicator_code IS 'Indicator.';
COMMENT ON COLUMN core.restatement.field IS 'numerator, denominator, ratio_pct, score, max_score, value, quality_flag or presence.';
COMMENT ON COLUMN core.restatement.old_value IS 'Number before; null: none.';
COMMENT ON COLUMN core.restatement.new_value IS 'Number after; null: none.';
COMMENT ON COLUMN core.restatement.old_text IS 'Before, for quality_flag and presence.';
COMMENT ON COLUMN core.restatement.new_text IS 'After, for quality_flag and presence.';

-- ---------------------------------------------------------------- ops

CREATE TABLE ops.capture (
    capture_id     uuid PRIMARY KEY,
    source         text NOT NULL,
    province_code  text NOT NULL,
    period_id      text NOT NULL,
    group_code     text NOT NULL,
    endpoint       text NOT NULL,
    page           int  NOT NULL,
    request        jsonb NOT NULL,
    http_status    int,
    captured_at    timestamptz NOT NULL,
    sha256         text NOT NULL,
    size_bytes     bigint NOT NULL,
    complete       boolean,
    expected_units int,
    seen_units     int,
    note           text,
    address        text
);
CREATE INDEX capture_scope ON ops.capture (source, province_code, period_id);
COMMENT ON TABLE ops.capture IS 'Every raw capture: what was asked, when, and the hash of the bytes in the archive. Never changes.';
COMMENT ON COLUMN ops.capture.capture_id IS 'Derived from source, request, time and hash.';
COMMENT ON COLUMN ops.capture.source IS 'Source room.';
COMMENT ON COLUMN ops.capture.province_code IS 'H-code; VN for national replies.';
COMMENT ON COLUMN ops.capture.period_id IS 'Period asked for (the reply never echoes it).';
COMMENT ON COLUMN ops.capture.group_code IS 'Indicator group; NATIONAL for the ranking, MANIFEST for a snapshot''s own list.';
COMMENT ON COLUMN ops.capture.endpoint IS 'Endpoint below the portal''s base address.';
COMMENT ON COLUMN ops.capture.page IS 'Page asked for, from 1.';
COMMENT ON COLUMN ops.capture.request IS 'The request body as sent.';
COMMENT ON COLUMN ops.capture.http_status IS 'HTTP status of the reply; null for a manifest.';
COMMENT ON COLUMN ops.capture.captured_at IS 'When the reply was received.';
COMMENT ON COLUMN ops.capture.sha256 IS 'SHA-256 of the bytes; the archive''s object name.';
COMMENT ON COLUMN ops.capture.size_bytes IS 'Length of the bytes.';
COMMENT ON COLUMN ops.capture.complete IS 'Whether the group was whole; null: the run stopped before it could be judged.';
COMMENT ON COLUMN ops.capture.expected_units IS 'Units the group should hold.';
COMMENT ON COLUMN ops.capture.seen_units IS 'Units it holds.';
COMMENT ON COLUMN ops.capture.address IS 'Base address that answered; null for a manifest. A sandbox''s figures never pass for the portal''s.';
COMMENT ON COLUMN ops.capture.note IS 'Why it was refused or what was odd.';

CREATE TABLE ops.capture_check (
    capture_id      uuid PRIMARY KEY REFERENCES ops.capture,
    last_checked_at timestamptz NOT NULL,
    times_checked   int NOT NULL
);
COMMENT ON TABLE ops.capture_check IS 'When the portal was last seen to answer with the same bytes: "last checked" moves although nothing changed.';
COMMENT ON COLUMN ops.capture_check.capture_id IS 'The capture.';
COMMENT ON COLUMN ops.capture_check.last_checked_at IS 'Last time the same bytes came back.';
COMMENT ON COLUMN ops.capture_check.times_checked IS 'How often they were seen.';

CREATE TABLE ops.run (
    run_id           uuid PRIMARY KEY,
    stage            text NOT NULL,
    source           text NOT NULL,
    province_code    text NOT NULL,
    period_id        text NOT NULL,
    snapshot_id      uuid,
    started_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    state            text NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
    rows_read        int,
    rows_published   int,
    rows_quarantined int,
    rows_ignored     int,
    error_class      text,
    message          text,
    remedy           text,
    software_version text NOT NULL
);
CREATE INDEX run_scope ON ops.run (source, province_code, period_id, started_at);
COMMENT ON TABLE ops.run IS 'Every stage that ran, how it ended and what to do about it.';
COMMENT ON COLUMN ops.run.run_id IS 'Id of the run.';
COMMENT ON COLUMN ops.run.stage IS 'fetch, read, validate, publish or deliver.';
COMMENT ON COLUMN ops.run.source IS 'Source room, or the deliverable''s name.';
COMMENT ON COLUMN ops.run.province_code IS 'H-code.';
COMMENT ON COLUMN ops.run.period_id IS 'Period.';
COMMENT ON COLUMN ops.run.snapshot_id IS 'Snapshot it worked on, once known.';
COMMENT ON COLUMN ops.run.started_at IS 'Start.';
COMMENT ON COLUMN ops.run.finished_at IS 'End; null while running.';
COMMENT ON COLUMN ops.run.state IS 'running, done, failed or interrupted (the process died).';
COMMENT ON COLUMN ops.run.rows_read IS 'Rows read.';
COMMENT ON COLUMN ops.run.rows_published IS 'Rows published.';
COMMENT ON COLUMN ops.run.rows_quarantined IS 'Rows quarantined.';
COMMENT ON COLUMN ops.run.rows_ignored IS 'Rows ignored.';
COMMENT ON COLUMN ops.run.error_class IS 'Class of the error (etl/errors.py).';
COMMENT ON COLUMN ops.run.message IS 'What happened.';
COMMENT ON COLUMN ops.run.remedy IS 'What to do next.';
COMMENT ON COLUMN ops.run.software_version IS 'Version of bochiso.';

CREATE TABLE ops.validation_result (
    snapshot_id      uuid NOT NULL,
    suite            text NOT NULL,
    rule             text NOT NULL,
    severity         text NOT NULL CHECK (severity IN ('fail', 'warn')),
    state            text NOT NULL CHECK (state IN ('passed', 'warned', 'failed')),
    element_count    int,
    unexpected_count int,
    observed         text,
    expected         text,
    detail_vi        text NOT NULL,
    PRIMARY KEY (snapshot_id, suite, rule)
);
COMMENT ON TABLE ops.validation_result IS 'Verdict of every check of every snapshot, also of those that were refused.';
COMMENT ON COLUMN ops.validation_result.snapshot_id IS 'Snapshot that was judged (published or not).';
COMMENT ON COLUMN ops.validation_result.suite IS 'Suite: a file of expectations/.';
COMMENT ON COLUMN ops.validation_result.rule IS 'Rule name within the suite.';
COMMENT ON COLUMN ops.validation_result.severity IS 'What a miss means: fail or warn.';
COMMENT ON COLUMN ops.validation_result.state IS 'passed, warned or failed.';
COMMENT ON COLUMN ops.validation_result.element_count IS 'Rows looked at.';
COMMENT ON COLUMN ops.validation_result.unexpected_count IS 'Rows that broke the rule.';
COMMENT ON COLUMN ops.validation_result.observed IS 'What was seen.';
COMMENT ON COLUMN ops.validation_result.expected IS 'What the rule asks.';
COMMENT ON COLUMN ops.validation_result.detail_vi IS 'The rule in Vietnamese, for the quality sheet.';

CREATE TABLE ops.publication (
    snapshot_id  uuid PRIMARY KEY,
    published_at timestamptz NOT NULL,
    run_id       uuid
);
COMMENT ON TABLE ops.publication IS 'When a snapshot became visible.';
COMMENT ON COLUMN ops.publication.snapshot_id IS 'Snapshot.';
COMMENT ON COLUMN ops.publication.published_at IS 'Commit time of its transaction.';
COMMENT ON COLUMN ops.publication.run_id IS 'Run that published it.';

CREATE TABLE ops.view_release (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.view_release IS 'Hash of the sql/marts files whose views are in place.';
COMMENT ON COLUMN ops.view_release.only_row IS 'There is one row.';
COMMENT ON COLUMN ops.view_release.sha256 IS 'SHA-256 over the files.';
COMMENT ON COLUMN ops.view_release.applied_at IS 'When they were applied.';

-- ---------------------------------------------------------------- quarantine

CREATE TABLE quarantine.rejected_row (
    rejected_id    uuid PRIMARY KEY,
    source         text NOT NULL,
    province_code  text NOT NULL,
    period_id      text NOT NULL,
    snapshot_id    uuid NOT NULL,
    capture_sha256 text NOT NULL,
    locator        text NOT NULL,
    column_name    text NOT NULL,
    value          text,
    rule           text NOT NULL,
    severity       text NOT NULL,
    message_vi     text NOT NULL,
    row_data       jsonb NOT NULL
);
CREATE INDEX rejected_row_snapshot ON quarantine.rejected_row (snapshot_id);
COMMENT ON TABLE quarantine.rejected_row IS 'Every refused cell: where it stands, what it holds, which rule it breaks, and who mends it how.';
COMMENT ON COLUMN quarantine.rejected_row.rejected_id IS 'Derived from snapshot, locator, column and rule: the same refusal is one row.';
COMMENT ON COLUMN quarantine.rejected_row.source IS 'Source room.';
COMMENT ON COLUMN quarantine.rejected_row.province_code IS 'H-code.';
COMMENT ON COLUMN quarantine.rejected_row.period_id IS 'Period.';
COMMENT ON COLUMN quarantine.rejected_row.snapshot_id IS 'Snapshot being read (published or not).';
COMMENT ON COLUMN quarantine.rejected_row.capture_sha256 IS 'Bytes it was read from.';
COMMENT ON COLUMN quarantine.rejected_row.locator IS 'Place in those bytes.';
COMMENT ON COLUMN quarantine.rejected_row.column_name IS 'Field or column.';
COMMENT ON COLUMN quarantine.rejected_row.value IS 'The value as read; null: it was missing.';
COMMENT ON COLUMN quarantine.rejected_row.rule IS 'Rule it breaks.';
COMMENT ON COLUMN quarantine.rejected_row.severity IS 'Severity of the rule.';
COMMENT ON COLUMN quarantine.rejected_row.message_vi IS 'A sentence for the person who must mend it.';
COMMENT ON COLUMN quarantine.rejected_row.row_data IS 'The whole row as read.';

-- ---------------------------------------------------------------- staging shapes

CREATE TABLE staging.snapshot (
    snapshot_id text, source text, province_code text, period_id text, series text,
    captured_at timestamptz, complete boolean, provisional boolean, reader text, missing_groups text,
    rows_read bigint, rows_published bigint, rows_quarantined bigint, rows_ignored bigint
);
COMMENT ON TABLE staging.snapshot IS 'Shape: snapshots of a load. missing_groups is a comma list.';
CREATE TABLE staging.capture (
    snapshot_id text, capture_id text, source text, province_code text, period_id text, group_code text,
    endpoint text, page bigint, request text, http_status bigint, captured_at timestamptz, sha256 text,
    size_bytes bigint, complete boolean, expected_units bigint, seen_units bigint, note text, address text
);
COMMENT ON TABLE staging.capture IS 'Shape: captures of a load.';
CREATE TABLE staging.unit (
    portal_id text, unit_id text, province_code text, block text, unit_code text,
    name text, name_key text, observed_at timestamptz
);
COMMENT ON TABLE staging.unit IS 'Shape: units as the portal announces them in a load.';
CREATE TABLE staging.indicator_score (
    snapshot_id uuid, portal_id text, indicator_code text, numerator bigint, denominator bigint,
    ratio_pct numeric, score numeric, max_score numeric, value numeric, quality_flag text,
    capture_id uuid, locator text, attributes text
);
COMMENT ON TABLE staging.indicator_score IS 'Shape: facts of a load.';
CREATE TABLE staging.rejected_row (
    rejected_id text, source text, province_code text, period_id text, snapshot_id text, capture_sha256 text,
    locator text, column_name text, value text, rule text, severity text, message_vi text, row_data text
);
COMMENT ON TABLE staging.rejected_row IS 'Shape: refused rows of a load.';
CREATE TABLE staging.validation_result (
    snapshot_id text, suite text, rule text, severity text, state text, element_count bigint,
    unexpected_count bigint, observed text, expected text, detail_vi text
);
COMMENT ON TABLE staging.validation_result IS 'Shape: check results of a load.';

DO $$
DECLARE c record;
BEGIN
    -- A staging column means what the core column of the same name means; say so, so that no column goes without a comment.
    FOR c IN SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'staging' LOOP
        EXECUTE format('COMMENT ON COLUMN staging.%I.%I IS %L', c.table_name, c.column_name,
                       'As ' || c.column_name || ' of the table it is loaded into.');
    END LOOP;
END $$;
