-- Who may log in, with the passwords of .env. The service `logins` of docker-compose.yml runs this
-- as the superuser at each `docker compose up`, so that it also sets what has changed there.
--
--     collector_owner   owns database and tables, and migrates
--     collector         the daemon: a member of collector_writer, which may insert and little else
--     analyst           people and Grafana: may read
--
-- What collector_writer and analyst may do with the tables is in migrations/*_roles.sql.

\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv collector_password COLLECTOR_PASSWORD
\getenv analyst_password ANALYST_PASSWORD

-- The server's log shows no password, not even if a statement fails.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET client_min_messages = 'warning';

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['collector_owner', 'collector', 'collector_writer', 'analyst']) AS name
WHERE to_regrole(name) IS NULL
\gexec

ALTER ROLE collector_owner LOGIN PASSWORD :'owner_password';
ALTER ROLE collector LOGIN PASSWORD :'collector_password';
ALTER ROLE analyst LOGIN PASSWORD :'analyst_password';
GRANT collector_writer TO collector;

CREATE EXTENSION IF NOT EXISTS timescaledb;
ALTER DATABASE collector OWNER TO collector_owner;
REVOKE ALL ON DATABASE collector, postgres, template1 FROM PUBLIC;

-- What the superuser made when it was the one that migrated, or restored from a dump.
SELECT format('ALTER SCHEMA %I OWNER TO collector_owner', nspname)
FROM pg_namespace WHERE nspname = 'collector_storage' AND nspowner = 'postgres'::regrole
UNION ALL
SELECT format('ALTER TABLE %s OWNER TO collector_owner', c.oid::regclass)
FROM pg_class AS c
WHERE relnamespace IN (
        SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'collector_storage')
    )
    AND relowner = 'postgres'::regrole AND relkind IN ('r', 'p', 'v', 'm')
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'
    )
UNION ALL
SELECT format('ALTER FUNCTION %s OWNER TO collector_owner', p.oid::regprocedure)
FROM pg_proc AS p
WHERE pronamespace = 'public'::regnamespace AND proowner = 'postgres'::regrole
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
    )
\gexec
