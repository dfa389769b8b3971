-- The two roles of the warehouse. Idempotent; run by the owner after every migration.
-- bochiso_analyst reads the views of mart and nothing else.
-- bochiso_etl reads and writes rows, owns nothing, and so can drop nothing.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bochiso_analyst') THEN
        CREATE ROLE bochiso_analyst NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bochiso_etl') THEN
        CREATE ROLE bochiso_etl NOLOGIN;
    END IF;
    -- An owner that is no superuser must be allowed to take the roles on (PostgreSQL 16 and later ask for it).
    IF NOT pg_has_role(current_user, 'bochiso_etl', 'SET') THEN
        EXECUTE format('GRANT bochiso_etl TO %I', current_user);
    END IF;
    IF NOT pg_has_role(current_user, 'bochiso_analyst', 'SET') THEN
        EXECUTE format('GRANT bochiso_analyst TO %I', current_user);
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO bochiso_analyst', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO bochiso_etl', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA mart TO bochiso_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA mart TO bochiso_analyst;

GRANT USAGE ON SCHEMA staging, core, mart, quarantine, ops TO bochiso_etl;
GRANT SELECT ON ALL TABLES IN SCHEMA staging, mart TO bochiso_etl;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA core, ops, quarantine TO bochiso_etl;
-- Captures, facts and published snapshots never change: not even the loader may update them.
REVOKE UPDATE ON core.snapshot, core.snapshot_capture, core.indicator_score, core.digitization, core.digitization_block,
    core.restatement, core.dossier_comparison, core.dossier_finding, ops.capture
    FROM bochiso_etl;
-- Reference rows come with the program; the loader only reads them.
REVOKE INSERT, UPDATE ON core.reporting_window, core.form_column FROM bochiso_etl;
