-- Provincial digitization: the figures of forms and dossier lists, their windows, the forms' columns, and what
-- comparing two dossier lists found.

-- ---------------------------------------------------------------- core: reference

ALTER TABLE core.unit DROP CONSTRAINT unit_block_check;
ALTER TABLE core.unit ADD CONSTRAINT unit_block_check
    CHECK (block IN ('country', 'province', 'department', 'land_office', 'district', 'commune'));
COMMENT ON COLUMN core.unit.block IS 'country, province, department, land_office, district or commune. land_office is told by an office''s own list only; the portal knows no such block.';

CREATE TABLE core.reporting_window (
    period_id        text NOT NULL REFERENCES core.period,
    window_kind      text NOT NULL CHECK (window_kind IN ('administrative', 'calendar')),
    period_start     date NOT NULL,
    period_end       date NOT NULL,
    year             int  NOT NULL,
    months           int  NOT NULL CHECK (months IN (1, 3, 6, 12)),
    portal_period_id text NOT NULL,
    PRIMARY KEY (period_id, window_kind),
    UNIQUE (period_start, period_end),
    UNIQUE (period_id, period_start, period_end),
    CHECK (period_start < period_end)
);
CREATE INDEX reporting_window_year ON core.reporting_window (window_kind, year, months);
COMMENT ON TABLE core.reporting_window IS 'The days every period means in each of the two calendars, loaded from etl/periods.py: 15th to 14th (Decree 09/2019/NĐ-CP), or the calendar''s own months. Windows of months tile the longer ones of the same calendar.';
COMMENT ON COLUMN core.reporting_window.period_id IS 'Period the window stands for.';
COMMENT ON COLUMN core.reporting_window.window_kind IS 'administrative (15th to 14th) or calendar.';
COMMENT ON COLUMN core.reporting_window.period_start IS 'First day, inclusive.';
COMMENT ON COLUMN core.reporting_window.period_end IS 'Last day, inclusive.';
COMMENT ON COLUMN core.reporting_window.year IS 'Year of the period (its last day''s).';
COMMENT ON COLUMN core.reporting_window.months IS 'Months it spans: 1, 3, 6 or 12.';
COMMENT ON COLUMN core.reporting_window.portal_period_id IS 'Period of the national portal the figures are read beside: the month before for an administrative month, else the same period.';

CREATE TABLE core.form_column (
    form_id    text NOT NULL,
    edition    int  NOT NULL,
    valid_from date NOT NULL,
    valid_to   date,
    column_no  int  NOT NULL,
    header     text NOT NULL,
    measure    text,
    unit       text CHECK (unit IN ('count', 'percent')),
    is_default boolean NOT NULL,
    target_pct numeric,
    PRIMARY KEY (form_id, edition, column_no)
);
COMMENT ON TABLE core.form_column IS 'The numbered columns of every form layout, loaded from the templates of etl/sources/digitization_form and of the installation. A number means a measure only within its layout and edition.';
COMMENT ON COLUMN core.form_column.form_id IS 'Layout.';
COMMENT ON COLUMN core.form_column.edition IS 'Edition of the layout.';
COMMENT ON COLUMN core.form_column.valid_from IS 'First day it is in force; compared with the last day of the figures.';
COMMENT ON COLUMN core.form_column.valid_to IS 'Last day it is in force; null: still in force.';
COMMENT ON COLUMN core.form_column.column_no IS 'Number printed over the column.';
COMMENT ON COLUMN core.form_column.header IS 'Header text, on one line.';
COMMENT ON COLUMN core.form_column.measure IS 'Measure the column holds (a column of core.digitization); null for words and rates.';
COMMENT ON COLUMN core.form_column.unit IS 'count or percent; null for words.';
COMMENT ON COLUMN core.form_column.is_default IS 'True: a layout by which we number columns and write the form; the one in force is the latest.';
COMMENT ON COLUMN core.form_column.target_pct IS 'Rate of digitized results (percent) from which a unit meets the target (Đạt); null: the layout sets none.';

-- ---------------------------------------------------------------- core: snapshots with days of their own

ALTER TABLE core.snapshot
    ADD COLUMN period_start date,
    ADD COLUMN period_end date,
    ADD COLUMN facts int;
UPDATE core.snapshot SET facts = rows_published;
ALTER TABLE core.snapshot
    ALTER COLUMN facts SET NOT NULL,
    ADD CONSTRAINT snapshot_window_whole CHECK ((period_start IS NULL) = (period_end IS NULL)),
    ADD CONSTRAINT snapshot_window FOREIGN KEY (period_id, period_start, period_end)
        REFERENCES core.reporting_window (period_id, period_start, period_end);
CREATE INDEX snapshot_window_scope ON core.snapshot (province_code, period_start, period_end)
    WHERE period_start IS NOT NULL;
COMMENT ON TABLE core.snapshot IS 'One consistent reading of a source for a province and period (and, for digitization, for one window of days). Its row appears in the same transaction as its facts.';
COMMENT ON COLUMN core.snapshot.period_id IS 'Portal period; of a digitization snapshot the period its window stands for.';
COMMENT ON COLUMN core.snapshot.series IS 'Series of the catalogue in force, never compare across series; digitization for forms and dossier lists.';
COMMENT ON COLUMN core.snapshot.complete IS 'True: every group was there and whole (of a digitization snapshot: every block it speaks of). A partial snapshot never stands in for a complete one.';
COMMENT ON COLUMN core.snapshot.provisional IS 'True: captured before the period (or window) had ended.';
COMMENT ON COLUMN core.snapshot.missing_groups IS 'Groups that were refused or absent; of a digitization snapshot the blocks that are not whole.';
COMMENT ON COLUMN core.snapshot.rows_published IS 'Rows of the source that went into the facts (computed totals not counted): one per fact for indicators and forms, one per dossier for a dossier list.';
COMMENT ON COLUMN core.snapshot.period_start IS 'First day the figures are about; null for indicator snapshots, whose days are the period''s.';
COMMENT ON COLUMN core.snapshot.period_end IS 'Last day the figures are about, inclusive; null for indicator snapshots.';
COMMENT ON COLUMN core.snapshot.facts IS 'Facts it brought (core.indicator_score without computed totals, or core.digitization): what publishing counts against. A list of many dossiers brings one per unit.';

-- ---------------------------------------------------------------- core: digitization

CREATE TABLE core.digitization_block (
    snapshot_id    uuid NOT NULL,
    block          text NOT NULL CHECK (block IN ('department', 'land_office', 'district', 'commune')),
    units          int  NOT NULL CHECK (units >= 0),
    expected_units int  CHECK (expected_units >= 0),
    complete       boolean NOT NULL,
    missing_units  text[] NOT NULL,
    PRIMARY KEY (snapshot_id, block)
);
COMMENT ON TABLE core.digitization_block IS 'How whole each block of a digitization snapshot is. Completeness is judged, and the figures in force are chosen, block by block.';
COMMENT ON COLUMN core.digitization_block.snapshot_id IS 'Snapshot (core.snapshot).';
COMMENT ON COLUMN core.digitization_block.block IS 'department, land_office, district or commune.';
COMMENT ON COLUMN core.digitization_block.units IS 'Units of the block in the snapshot.';
COMMENT ON COLUMN core.digitization_block.expected_units IS 'Units of the block known on the window''s last day; null: not known.';
COMMENT ON COLUMN core.digitization_block.complete IS 'True: no more units lack than the tolerated share.';
COMMENT ON COLUMN core.digitization_block.missing_units IS 'Names or codes of the known units that lack.';

CREATE TABLE core.digitization (
    snapshot_id              uuid NOT NULL,
    unit_id                  uuid NOT NULL,
    period_start             date NOT NULL,
    period_end               date NOT NULL,
    block                    text NOT NULL,
    received                 bigint CHECK (received >= 0),
    components_not_digitized bigint CHECK (components_not_digitized >= 0),
    components_digitized     bigint CHECK (components_digitized >= 0),
    components_reused        bigint CHECK (components_reused >= 0),
    reused_from_portal       bigint CHECK (reused_from_portal >= 0),
    resolved                 bigint CHECK (resolved >= 0),
    results_not_digitized    bigint CHECK (results_not_digitized >= 0),
    results_digitized        bigint CHECK (results_digitized >= 0),
    layout                   text NOT NULL,
    capture_id               uuid NOT NULL,
    locator                  text NOT NULL,
    attributes               jsonb,
    PRIMARY KEY (snapshot_id, unit_id),
    FOREIGN KEY (snapshot_id, block) REFERENCES core.digitization_block
);
COMMENT ON TABLE core.digitization IS 'Facts: digitization figures of a unit in one window, from a form or reduced from a dossier list. Null means the layout has no such column, or the cell was empty; it is never 0.';
COMMENT ON COLUMN core.digitization.snapshot_id IS 'Snapshot (core.snapshot).';
COMMENT ON COLUMN core.digitization.unit_id IS 'Unit (core.unit).';
COMMENT ON COLUMN core.digitization.period_start IS 'First day the figures are about.';
COMMENT ON COLUMN core.digitization.period_end IS 'Last day, inclusive.';
COMMENT ON COLUMN core.digitization.block IS 'Block the unit stands in: department, land_office, district or commune.';
COMMENT ON COLUMN core.digitization.received IS 'Dossiers received (Tiếp nhận).';
COMMENT ON COLUMN core.digitization.components_not_digitized IS 'Received dossiers whose components were not digitized (Chưa số hóa thành phần hồ sơ).';
COMMENT ON COLUMN core.digitization.components_digitized IS 'Received dossiers whose components were digitized (Có số hóa thành phần hồ sơ).';
COMMENT ON COLUMN core.digitization.components_reused IS 'Received dossiers that reuse digitized components (Có tái sử dụng thành phần).';
COMMENT ON COLUMN core.digitization.reused_from_portal IS 'Of these, reused from the national portal (Tái sử dụng từ cổng DVCQG).';
COMMENT ON COLUMN core.digitization.resolved IS 'Dossiers resolved (Đã giải quyết).';
COMMENT ON COLUMN core.digitization.results_not_digitized IS 'Resolved dossiers whose result was not digitized (Số hóa kết quả giải quyết: Chưa số hóa).';
COMMENT ON COLUMN core.digitization.results_digitized IS 'Resolved dossiers whose result was digitized (Số hóa kết quả giải quyết: Đã số hóa).';
COMMENT ON COLUMN core.digitization.layout IS 'Layout it was read under: form_id@edition.';
COMMENT ON COLUMN core.digitization.capture_id IS 'Capture of the file (ops.capture).';
COMMENT ON COLUMN core.digitization.locator IS 'Sheet and row, or JSON path, in the file; for a list what it was counted from.';
COMMENT ON COLUMN core.digitization.attributes IS 'What else the layout states of the unit (rates as stated, the Đạt column).';

COMMENT ON TABLE core.restatement IS 'Differences between a complete snapshot and the complete one before it, of the same source, province and period; for digitization also of the same window, block by block.';
COMMENT ON COLUMN core.restatement.indicator_code IS 'Indicator; DIGITIZATION for a figure of a form or dossier list.';
COMMENT ON COLUMN core.restatement.field IS 'numerator, denominator, ratio_pct, score, max_score, value or quality_flag; a measure of core.digitization, or block; presence.';
COMMENT ON COLUMN core.restatement.old_text IS 'Before, for quality_flag, block and presence.';
COMMENT ON COLUMN core.restatement.new_text IS 'After, for quality_flag, block and presence.';

-- ---------------------------------------------------------------- core: two dossier lists compared

CREATE TABLE core.dossier_comparison (
    comparison_id         uuid PRIMARY KEY,
    province_code         text NOT NULL,
    period_id             text,
    period_start          date,
    period_end            date,
    provincial_capture_id uuid NOT NULL,
    portal_capture_id     uuid NOT NULL,
    compared_fields       text[] NOT NULL,
    in_both               bigint NOT NULL CHECK (in_both >= 0),
    agreeing              bigint NOT NULL CHECK (agreeing BETWEEN 0 AND in_both),
    only_provincial       bigint NOT NULL CHECK (only_provincial >= 0),
    only_portal           bigint NOT NULL CHECK (only_portal >= 0),
    differing             jsonb NOT NULL,
    provincial_repeated   bigint NOT NULL CHECK (provincial_repeated >= 0),
    portal_repeated       bigint NOT NULL CHECK (portal_repeated >= 0),
    provincial_rows       bigint NOT NULL CHECK (provincial_rows >= 0),
    portal_rows           bigint NOT NULL CHECK (portal_rows >= 0),
    provincial_uncoded    bigint NOT NULL CHECK (provincial_uncoded >= 0),
    portal_uncoded        bigint NOT NULL CHECK (portal_uncoded >= 0),
    findings              bigint NOT NULL CHECK (findings >= 0),
    FOREIGN KEY (period_id, period_start, period_end)
        REFERENCES core.reporting_window (period_id, period_start, period_end)
);
CREATE INDEX dossier_comparison_scope ON core.dossier_comparison (province_code, period_start, period_end);
COMMENT ON TABLE core.dossier_comparison IS 'Two dossier lists laid side by side: the province''s and the portal''s. The same two files over the same window are one comparison.';
COMMENT ON COLUMN core.dossier_comparison.comparison_id IS 'Derived from both files'' SHA-256, the province, the window and the compared fields.';
COMMENT ON COLUMN core.dossier_comparison.province_code IS 'H-code.';
COMMENT ON COLUMN core.dossier_comparison.period_id IS 'Period of the window; null: all dossiers of both lists were compared.';
COMMENT ON COLUMN core.dossier_comparison.period_start IS 'First day of receipt that counts; null: no window.';
COMMENT ON COLUMN core.dossier_comparison.period_end IS 'Last day of receipt that counts, inclusive; null: no window.';
COMMENT ON COLUMN core.dossier_comparison.provincial_capture_id IS 'Capture of the province''s list (ops.capture).';
COMMENT ON COLUMN core.dossier_comparison.portal_capture_id IS 'Capture of the portal''s list (ops.capture).';
COMMENT ON COLUMN core.dossier_comparison.compared_fields IS 'Fields that were compared.';
COMMENT ON COLUMN core.dossier_comparison.in_both IS 'Dossiers on both lists.';
COMMENT ON COLUMN core.dossier_comparison.agreeing IS 'Of these, dossiers that agree in every compared field.';
COMMENT ON COLUMN core.dossier_comparison.only_provincial IS 'Dossiers on the province''s list only (missing on the portal).';
COMMENT ON COLUMN core.dossier_comparison.only_portal IS 'Dossiers on the portal''s list only (missing in the province).';
COMMENT ON COLUMN core.dossier_comparison.differing IS 'Per field, how many dossiers of both lists differ in it.';
COMMENT ON COLUMN core.dossier_comparison.provincial_repeated IS 'Codes that stand more than once on the province''s list.';
COMMENT ON COLUMN core.dossier_comparison.portal_repeated IS 'Codes that stand more than once on the portal''s list.';
COMMENT ON COLUMN core.dossier_comparison.provincial_rows IS 'Rows of the province''s whole list.';
COMMENT ON COLUMN core.dossier_comparison.portal_rows IS 'Rows of the portal''s whole list.';
COMMENT ON COLUMN core.dossier_comparison.provincial_uncoded IS 'Rows of the province''s list without a code, which cannot be compared.';
COMMENT ON COLUMN core.dossier_comparison.portal_uncoded IS 'Rows of the portal''s list without a code, which cannot be compared.';
COMMENT ON COLUMN core.dossier_comparison.findings IS 'Rows in core.dossier_finding.';

CREATE TABLE core.dossier_finding (
    comparison_id    uuid NOT NULL,
    dossier_code     text NOT NULL,
    unit_id          uuid,
    unit_code        text,
    finding          text NOT NULL,
    field            text,
    provincial_value text,
    portal_value     text,
    UNIQUE NULLS NOT DISTINCT (comparison_id, dossier_code, finding, field)
);
COMMENT ON TABLE core.dossier_finding IS 'What comparing two dossier lists found, by dossier code; no name, number or address of a person.';
COMMENT ON COLUMN core.dossier_finding.comparison_id IS 'Comparison (core.dossier_comparison).';
COMMENT ON COLUMN core.dossier_finding.dossier_code IS 'Code of the dossier.';
COMMENT ON COLUMN core.dossier_finding.unit_id IS 'Unit (core.unit) its code belongs to; null: no known unit.';
COMMENT ON COLUMN core.dossier_finding.unit_code IS 'Code of the unit the dossier code begins with: the longest known one, else as written.';
COMMENT ON COLUMN core.dossier_finding.finding IS 'missing_on_portal, missing_in_province, field_differs, repeated_in_province or repeated_on_portal.';
COMMENT ON COLUMN core.dossier_finding.field IS 'Field that differs; null where the finding is about the whole dossier.';
COMMENT ON COLUMN core.dossier_finding.provincial_value IS 'The field on the province''s list; null: empty there.';
COMMENT ON COLUMN core.dossier_finding.portal_value IS 'The field on the portal''s list; null: empty there.';

-- ---------------------------------------------------------------- ops

COMMENT ON COLUMN ops.capture.address IS 'Base address that answered; null for a manifest and for a file that was handed in (http://127.0.0.1/so-lieu-mau for a sample file). A sandbox''s figures never pass for the portal''s.';
COMMENT ON COLUMN ops.run.stage IS 'fetch, read, validate, publish or deliver; of a handed-in file its own stages.';

-- ---------------------------------------------------------------- staging shapes

ALTER TABLE staging.snapshot ADD COLUMN period_start date, ADD COLUMN period_end date, ADD COLUMN facts bigint;
CREATE TABLE staging.digitization (
    snapshot_id text, unit_id text, period_start date, period_end date, block text,
    received bigint, components_not_digitized bigint, components_digitized bigint, components_reused bigint,
    reused_from_portal bigint, resolved bigint, results_not_digitized bigint, results_digitized bigint,
    layout text, capture_id text, locator text, attributes text
);
COMMENT ON TABLE staging.digitization IS 'Shape: digitization figures of a load.';
CREATE TABLE staging.digitization_block (
    snapshot_id text, block text, units bigint, expected_units bigint, complete boolean, missing_units text
);
COMMENT ON TABLE staging.digitization_block IS 'Shape: blocks of a load. missing_units is a JSON array.';
CREATE TABLE staging.dossier_comparison (
    comparison_id text, province_code text, period_id text, period_start date, period_end date,
    provincial_capture_id text, portal_capture_id text, compared_fields text, in_both bigint, agreeing bigint,
    only_provincial bigint, only_portal bigint, differing text, provincial_repeated bigint, portal_repeated bigint,
    provincial_rows bigint, portal_rows bigint, provincial_uncoded bigint, portal_uncoded bigint, findings bigint
);
COMMENT ON TABLE staging.dossier_comparison IS 'Shape: one comparison of dossier lists. compared_fields is a JSON array.';
CREATE TABLE staging.dossier_finding (
    dossier_code text, finding text, field text, provincial_value text, portal_value text
);
COMMENT ON TABLE staging.dossier_finding IS 'Shape: findings of one comparison of dossier lists.';

DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT r.relname AS table_name, a.attname AS column_name
             FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid
             WHERE r.relnamespace = 'staging'::regnamespace AND r.relkind = 'r' AND a.attnum > 0
               AND NOT a.attisdropped AND col_description(r.oid, a.attnum) IS NULL LOOP
        EXECUTE format('COMMENT ON COLUMN staging.%I.%I IS %L', c.table_name, c.column_name,
                       'As ' || c.column_name || ' of the table it is loaded into.');
    END LOOP;
END $$;
