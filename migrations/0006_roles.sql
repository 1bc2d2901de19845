-- Who may do what: a role that writes and nothing else, a role that reads and nothing else.
--
-- Roles belong to the whole server and grants to this database, and either can be missing: whoever
-- migrates may not be permitted to make roles, and a dump that is restored brings no grant on the
-- database with it. So this is a function that says what is wanted and brings it about, and
-- `collector migrate` calls it each time. A table that the collector writes to is added to `wanted`
-- by a later migration that replaces the function; what analysts read needs nothing.

CREATE FUNCTION collector_grant_rights() RETURNS text LANGUAGE plpgsql AS $function$
DECLARE
    roles CONSTANT text[] := ARRAY['collector_writer', 'analyst'];
    -- Where the tables are, and whose they are.
    place regnamespace;
    owner regrole;
    absent text;
    change record;
    problem text;
BEGIN
    SELECT relnamespace, relowner INTO STRICT place, owner
    FROM pg_class WHERE oid = 'open_interest'::regclass;

    FOREACH absent IN ARRAY roles LOOP
        CONTINUE WHEN to_regrole(absent) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', absent);
        EXCEPTION
            -- Another database of this server was quicker.
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                problem := concat_ws('; ', problem, format('CREATE ROLE %I', absent));
        END;
    END LOOP;
    IF problem IS NOT NULL THEN
        problem := format(
            '%s may not create roles: somebody who may has to say %s, then run `collector migrate`'
            ' again; until then only %s can use the tables', current_user, problem, owner
        );
    END IF;

    -- What is missing is granted, what is too much is revoked, and what is right is not touched.
    FOR change IN
        WITH ours AS (
            SELECT oid, relname, relacl FROM pg_class AS c
            WHERE relnamespace = place AND relowner = owner AND relkind IN ('r', 'p', 'v', 'm')
                AND NOT EXISTS (
                    SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                )
        ), here AS (
            SELECT oid, datacl FROM pg_database WHERE datname = current_database()
        ), wanted (kind, object, role, "right") AS (
            SELECT 'TABLE', oid, 'collector_writer', unnest(string_to_array(rights, ' '))
            FROM ours JOIN (VALUES
                -- SELECT where an upsert, or the search for contradictions, reads what is there.
                ('open_interest', 'SELECT INSERT'),
                ('instruments', 'SELECT INSERT UPDATE'),
                ('polls', 'SELECT INSERT UPDATE'),
                ('rejects', 'INSERT'),
                ('journal_marks', 'SELECT INSERT UPDATE DELETE'),
                ('schema_migrations', 'SELECT')
            ) AS written (relname, rights) USING (relname)
            UNION ALL
            -- All tables and views, those of later migrations too, but not the collector's own two.
            SELECT 'TABLE', oid, 'analyst', 'SELECT' FROM ours
            WHERE relname NOT IN ('journal_marks', 'schema_migrations')
            UNION ALL
            SELECT 'SCHEMA', place, unnest(roles), 'USAGE'
            UNION ALL
            SELECT 'DATABASE', oid, unnest(roles), 'CONNECT' FROM here
            UNION ALL
            -- For the table that rows are copied into before they are inserted.
            SELECT 'DATABASE', oid, 'collector_writer', 'TEMPORARY' FROM here
        ), present (kind, object, role, "right") AS (
            SELECT kind, object, grantee::regrole::text, privilege_type
            FROM (
                SELECT 'TABLE', oid, relacl FROM ours
                UNION ALL
                SELECT 'SCHEMA', oid, nspacl FROM pg_namespace WHERE oid = place
                UNION ALL
                SELECT 'DATABASE', oid, datacl FROM here
            ) AS objects (kind, object, acl), aclexplode(acl)
            WHERE grantee::regrole::text = ANY (roles)
        )
        SELECT 'GRANT' AS verb, 'TO' AS preposition, * FROM (TABLE wanted EXCEPT TABLE present) AS g
        WHERE to_regrole(role) IS NOT NULL
        UNION ALL
        SELECT 'REVOKE', 'FROM', * FROM (TABLE present EXCEPT TABLE wanted) AS r
    LOOP
        EXECUTE format(
            '%s %s ON %s %s %s %I', change.verb, change."right", change.kind,
            CASE change.kind
                WHEN 'TABLE' THEN change.object::regclass::text
                WHEN 'SCHEMA' THEN change.object::regnamespace::text
                ELSE quote_ident(current_database())
            END,
            change.preposition, change.role
        );
    END LOOP;
    IF to_regrole('analyst') IS NOT NULL THEN
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %s GRANT SELECT ON TABLES TO analyst',
            owner, place
        );
    END IF;

    -- A grant on a database or a schema of somebody else comes to nothing, with a warning at most.
    IF to_regrole('collector_writer') IS NOT NULL AND NOT (
        has_database_privilege('collector_writer', current_database(), 'CONNECT')
        AND has_database_privilege('collector_writer', current_database(), 'TEMPORARY')
        AND has_schema_privilege('collector_writer', place, 'USAGE')
    ) THEN
        problem := concat_ws('; ', problem, format(
            'collector_writer needs CONNECT and TEMPORARY on database %I and USAGE on schema %s:'
            ' whoever owns these has to grant them', current_database(), place
        ));
    END IF;
    RETURN problem;
END
$function$;

REVOKE ALL ON FUNCTION collector_grant_rights() FROM PUBLIC;

COMMENT ON FUNCTION collector_grant_rights() IS
    'Makes the roles collector_writer and analyst, and grants them what they need. '
    'For the collector itself; returns what could not be done.';
