-- What is owed and by when, what was built, who approved it, what left the building, what people were told.
-- Publications get numbers in the order of their commits: a release is rendered from the warehouse as it stood at one.

ALTER TABLE ops.publication ADD COLUMN publication_no bigint;
UPDATE ops.publication p SET publication_no = n.no
FROM (SELECT snapshot_id, row_number() OVER (ORDER BY published_at, snapshot_id) AS no FROM ops.publication) n
WHERE n.snapshot_id = p.snapshot_id;
ALTER TABLE ops.publication ALTER COLUMN publication_no SET NOT NULL;
CREATE UNIQUE INDEX publication_number ON ops.publication (publication_no);
COMMENT ON COLUMN ops.publication.publication_no IS 'Number in the order of commits, without gaps: the warehouse as it stood at n is everything published up to n.';

CREATE TABLE ops.duty (
    province_code     text NOT NULL,
    period_id         text NOT NULL REFERENCES core.period,
    duty              text NOT NULL,
    release_set       text NOT NULL,
    product           text NOT NULL,
    name_vi           text NOT NULL,
    window_first      date NOT NULL,
    window_last       date NOT NULL,
    portal_period_id  text,
    target_date       date NOT NULL,
    preliminary_at    timestamptz,
    final_at          timestamptz NOT NULL,
    due_at            timestamptz NOT NULL,
    needs_sign_off    boolean NOT NULL,
    owed              boolean NOT NULL DEFAULT true,
    state             text NOT NULL CHECK (state IN
        ('awaiting_input', 'building', 'awaiting_sign_off', 'released', 'released_late', 'missed')),
    missing_vi        text[] NOT NULL DEFAULT '{}',
    failure           text,
    failed_at         timestamptz,
    released_at       timestamptz,
    release_id        uuid,
    opened_at         timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    PRIMARY KEY (province_code, period_id, duty),
    CHECK ((state IN ('released', 'released_late')) = (released_at IS NOT NULL))
);
CREATE INDEX duty_due ON ops.duty (due_at);
COMMENT ON TABLE ops.duty IS 'The ledger of the legal promise: one row a duty of one report period, made ahead of time.';
COMMENT ON COLUMN ops.duty.province_code IS 'H-code of the province that owes it.';
COMMENT ON COLUMN ops.duty.period_id IS 'Report period (tháng 9 is 2026-09), not the portal''s it is read beside.';
COMMENT ON COLUMN ops.duty.duty IS 'Id in duties.yml: D1 to D4.';
COMMENT ON COLUMN ops.duty.release_set IS 'What is signed and leaves together.';
COMMENT ON COLUMN ops.duty.product IS 'What is made for it.';
COMMENT ON COLUMN ops.duty.name_vi IS 'Its name in documents and messages.';
COMMENT ON COLUMN ops.duty.window_first IS 'First day of its figures.';
COMMENT ON COLUMN ops.duty.window_last IS 'Last day of its figures, inclusive.';
COMMENT ON COLUMN ops.duty.portal_period_id IS 'The portal''s period it is read beside.';
COMMENT ON COLUMN ops.duty.target_date IS 'Our own day: the last working day before the 18th.';
COMMENT ON COLUMN ops.duty.preliminary_at IS 'Preliminary run, where the target day comes before the window has closed.';
COMMENT ON COLUMN ops.duty.final_at IS 'Final run, right after the window has closed.';
COMMENT ON COLUMN ops.duty.due_at IS 'The legal instant: the last second before the 18th, Vietnam.';
COMMENT ON COLUMN ops.duty.needs_sign_off IS 'A person approves before anything leaves.';
COMMENT ON COLUMN ops.duty.owed IS 'False: duties.yml took it back before it fell due; nobody is reminded of it.';
COMMENT ON COLUMN ops.duty.state IS 'awaiting_input, building, awaiting_sign_off, released, released_late or missed.';
COMMENT ON COLUMN ops.duty.missing_vi IS 'What lacked when it was last looked at, in Vietnamese.';
COMMENT ON COLUMN ops.duty.failure IS 'What the last attempt to build or send it said; null: it went well, or none was made.';
COMMENT ON COLUMN ops.duty.failed_at IS 'When it said so.';
COMMENT ON COLUMN ops.duty.released_at IS 'When its first final release went out: what decides between released and released_late.';
COMMENT ON COLUMN ops.duty.release_id IS 'The release that fulfilled it.';
COMMENT ON COLUMN ops.duty.opened_at IS 'When the row was made.';
COMMENT ON COLUMN ops.duty.updated_at IS 'When it was last looked at or changed.';

CREATE TABLE ops.release (
    release_id       uuid PRIMARY KEY,
    province_code    text NOT NULL,
    period_id        text NOT NULL REFERENCES core.period,
    release_no       int  NOT NULL CHECK (release_no > 0),
    release_set      text NOT NULL,
    duties           text[] NOT NULL,
    products         text[] NOT NULL,
    stage            text NOT NULL CHECK (stage IN ('preliminary', 'final')),
    status           text NOT NULL CHECK (status IN ('draft', 'approved', 'rejected', 'released', 'superseded')),
    needs_sign_off   boolean NOT NULL,
    publication_no   bigint NOT NULL,
    calendar         text NOT NULL CHECK (calendar IN ('administrative', 'calendar')),
    window_period_id text NOT NULL REFERENCES core.period,
    portal_period_id text REFERENCES core.period,
    due_at           timestamptz NOT NULL,
    gaps_vi          text[] NOT NULL,
    content_sha256   text NOT NULL,
    manifest_sha256  text NOT NULL,
    software_version text NOT NULL,
    corrects         uuid REFERENCES ops.release,
    built_at         timestamptz NOT NULL,
    decided_by       text,
    decided_at       timestamptz,
    decision_comment text,
    released_at      timestamptz,
    UNIQUE (province_code, period_id, release_no),
    CHECK (cardinality(products) = cardinality(duties)),
    CHECK (status <> 'released' OR released_at IS NOT NULL),
    CHECK (released_at IS NULL OR status IN ('released', 'superseded')),
    CHECK (status NOT IN ('approved', 'rejected') OR decided_at IS NOT NULL),
    -- Nothing leaves unapproved: not even a bug in the program can write it down so.
    CHECK (released_at IS NULL AND status <> 'approved' OR NOT needs_sign_off OR decided_by IS NOT NULL)
);
CREATE INDEX release_scope ON ops.release (province_code, period_id, release_set, release_no);
COMMENT ON TABLE ops.release IS 'One set of documents of one report period: built, decided by a person, released. Old ones stay.';
COMMENT ON COLUMN ops.release.release_id IS 'Derived from province, period and number.';
COMMENT ON COLUMN ops.release.province_code IS 'H-code.';
COMMENT ON COLUMN ops.release.period_id IS 'Report period.';
COMMENT ON COLUMN ops.release.release_no IS 'Number within province and period, from 1; a refused draft keeps its number.';
COMMENT ON COLUMN ops.release.release_set IS 'Which documents: see duties.yml.';
COMMENT ON COLUMN ops.release.duties IS 'Duties it fulfils.';
COMMENT ON COLUMN ops.release.products IS 'What was made for each of the duties, in their order.';
COMMENT ON COLUMN ops.release.stage IS 'preliminary: the figures'' days had not ended; it fulfils no duty.';
COMMENT ON COLUMN ops.release.status IS 'draft, approved, rejected, released, superseded (a later release or draft of the same set stands).';
COMMENT ON COLUMN ops.release.needs_sign_off IS 'Whether a person had to approve.';
COMMENT ON COLUMN ops.release.publication_no IS 'The warehouse as it stood at this publication is what the documents were rendered from.';
COMMENT ON COLUMN ops.release.calendar IS 'Calendar of the digitization figures.';
COMMENT ON COLUMN ops.release.window_period_id IS 'Period of the digitization figures in that calendar.';
COMMENT ON COLUMN ops.release.portal_period_id IS 'The portal''s period it is read beside.';
COMMENT ON COLUMN ops.release.due_at IS 'The legal instant as it was when the draft was made.';
COMMENT ON COLUMN ops.release.gaps_vi IS 'What was missing or provisional, as the documents say it.';
COMMENT ON COLUMN ops.release.content_sha256 IS 'Hash over the documents without reference to earlier releases: equal means the same numbers.';
COMMENT ON COLUMN ops.release.manifest_sha256 IS 'Hash of manifest.json, which names every file with its hash.';
COMMENT ON COLUMN ops.release.software_version IS 'Version that rendered it.';
COMMENT ON COLUMN ops.release.corrects IS 'The release whose numbers it corrects.';
COMMENT ON COLUMN ops.release.built_at IS 'When the draft was made.';
COMMENT ON COLUMN ops.release.decided_by IS 'Who approved or refused.';
COMMENT ON COLUMN ops.release.decided_at IS 'When.';
COMMENT ON COLUMN ops.release.decision_comment IS 'Their comment.';
COMMENT ON COLUMN ops.release.released_at IS 'When it went out.';

CREATE TABLE ops.release_file (
    release_id uuid NOT NULL REFERENCES ops.release,
    path       text NOT NULL,
    duty       text,
    media_type text NOT NULL,
    sha256     text NOT NULL,
    size_bytes bigint NOT NULL,
    PRIMARY KEY (release_id, path)
);
COMMENT ON TABLE ops.release_file IS 'The files of a release.';
COMMENT ON COLUMN ops.release_file.release_id IS 'Release.';
COMMENT ON COLUMN ops.release_file.path IS 'Path below the release''s folder.';
COMMENT ON COLUMN ops.release_file.duty IS 'Duty it belongs to; null: it belongs to the release itself.';
COMMENT ON COLUMN ops.release_file.media_type IS 'Media type.';
COMMENT ON COLUMN ops.release_file.sha256 IS 'Hash of its bytes.';
COMMENT ON COLUMN ops.release_file.size_bytes IS 'Its size.';

CREATE TABLE ops.release_snapshot (
    release_id  uuid NOT NULL REFERENCES ops.release,
    snapshot_id uuid NOT NULL REFERENCES core.snapshot,
    PRIMARY KEY (release_id, snapshot_id)
);
COMMENT ON TABLE ops.release_snapshot IS 'The snapshots whose figures stand in a release.';
COMMENT ON COLUMN ops.release_snapshot.release_id IS 'Release.';
COMMENT ON COLUMN ops.release_snapshot.snapshot_id IS 'Snapshot.';

CREATE TABLE ops.delivery (
    release_id     uuid NOT NULL REFERENCES ops.release,
    target         text NOT NULL,
    kind           text NOT NULL,
    state          text NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    attempts       int NOT NULL,
    first_tried_at timestamptz NOT NULL,
    sent_at        timestamptz,
    receipt        text,
    message        text,
    PRIMARY KEY (release_id, target),
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
COMMENT ON TABLE ops.delivery IS 'Where a release was sent, and what the other side answered.';
COMMENT ON COLUMN ops.delivery.release_id IS 'Release.';
COMMENT ON COLUMN ops.delivery.target IS 'Name of the target in targets.yml.';
COMMENT ON COLUMN ops.delivery.kind IS 'folder, sftp, http_put or email.';
COMMENT ON COLUMN ops.delivery.state IS 'pending: it failed for now and is tried again; failed: a person must act; sent.';
COMMENT ON COLUMN ops.delivery.attempts IS 'How often it was tried.';
COMMENT ON COLUMN ops.delivery.first_tried_at IS 'First try.';
COMMENT ON COLUMN ops.delivery.sent_at IS 'When the other side had it whole.';
COMMENT ON COLUMN ops.delivery.receipt IS 'What the other side said.';
COMMENT ON COLUMN ops.delivery.message IS 'Why it failed and what to do.';

CREATE TABLE ops.notification (
    event_key     text PRIMARY KEY,
    kind          text NOT NULL,
    province_code text NOT NULL,
    period_id     text NOT NULL,
    duty          text NOT NULL,
    day           date NOT NULL,
    message_vi    text NOT NULL,
    channels      jsonb NOT NULL,
    raised_at     timestamptz NOT NULL,
    sent_at       timestamptz,
    attempts      int NOT NULL
);
COMMENT ON TABLE ops.notification IS 'What people were told, one row an event: the same event is told once.';
COMMENT ON COLUMN ops.notification.event_key IS 'Kind, province, period, duties and day or release: the same event is one row.';
COMMENT ON COLUMN ops.notification.kind IS 'Kind of event.';
COMMENT ON COLUMN ops.notification.province_code IS 'H-code.';
COMMENT ON COLUMN ops.notification.period_id IS 'Report period.';
COMMENT ON COLUMN ops.notification.duty IS 'Duties it is about.';
COMMENT ON COLUMN ops.notification.day IS 'Day in Vietnam it belongs to.';
COMMENT ON COLUMN ops.notification.message_vi IS 'What was said.';
COMMENT ON COLUMN ops.notification.channels IS 'Channel -> {state, at, words, also}.';
COMMENT ON COLUMN ops.notification.raised_at IS 'When it was noticed.';
COMMENT ON COLUMN ops.notification.sent_at IS 'When every channel had it; null: some has not.';
COMMENT ON COLUMN ops.notification.attempts IS 'How often it was tried.';
