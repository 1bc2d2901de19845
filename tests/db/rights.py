"""What the writer and the analyst may do, and how the database is asked for it."""

WRITER = {
    "CONNECT on database",
    "TEMPORARY on database",
    "USAGE on schema public",
    "USAGE on schema collector_storage",
    "SELECT on collector_storage.open_interest",
    "INSERT on collector_storage.open_interest",
    "SELECT on collector_storage.series",
    "INSERT on collector_storage.series",
    "SELECT on collector_storage.latest",
    "INSERT on collector_storage.latest",
    "UPDATE on collector_storage.latest",
    "SELECT on collector_storage.rollup_finished",
    "INSERT on collector_storage.rollup_finished",
    "UPDATE on collector_storage.rollup_finished",
    "SELECT on collector_storage.rollup_state",
    "SELECT on collector_storage.silences",
    "INSERT on collector_storage.silences",
    "DELETE on collector_storage.silences",
    "SELECT on collector_storage.ticks",
    "INSERT on collector_storage.ticks",
    "DELETE on collector_storage.ticks",
    "SELECT on collector_storage.absences",
    "INSERT on collector_storage.absences",
    "UPDATE on collector_storage.absences",
    "SELECT on instrument_spans",
    "SELECT on collector_storage.pauses",
    "INSERT on collector_storage.pauses",
    "SELECT on open_interest",
    "SELECT on instruments",
    "INSERT on instruments",
    "UPDATE on instruments",
    "SELECT on venues",
    "INSERT on venues",
    "UPDATE on venues",
    "SELECT on polls",
    "INSERT on polls",
    "UPDATE on polls",
    "INSERT on rejects",
    "SELECT on journal_marks",
    "INSERT on journal_marks",
    "UPDATE on journal_marks",
    "DELETE on journal_marks",
    "SELECT on schema_migrations",
}
ANALYST = {
    "CONNECT on database",
    "USAGE on schema public",
    "SELECT on open_interest",
    "SELECT on open_interest_5m",
    "SELECT on open_interest_1h",
    "SELECT on open_interest_1d",
    "SELECT on instruments",
    "SELECT on polls",
    "SELECT on rejects",
    "SELECT on venues",
    "SELECT on comparable_open_interest",
    "SELECT on latest_open_interest",
    "SELECT on open_interest_change",
    "SELECT on implied_price",
    "SELECT on open_interest_by_asset_1h",
    "SELECT on open_interest_of_asset_1h",
    "SELECT on contract_parity",
    "SELECT on venue_ticks",
    "SELECT on venue_coverage",
    "SELECT on venue_pauses",
    "SELECT on instrument_absences",
    "SELECT on instrument_spans",
    "SELECT on future relations",
}
# Functions of collector_storage, which is closed to all but its owner and the writer. Two are in
# views, which analysts read; the others can do no harm, whoever calls them.
EVERYBODY = {
    "USAGE on schema public",  # PostgreSQL's own default
    "EXECUTE on finished_before",
    "EXECUTE on finished_days_before",
    "EXECUTE on hold_finished",
    "EXECUTE on finish_hour",
    "EXECUTE on drop_expired",
    "EXECUTE on drop_expired_ticks",
    "EXECUTE on pack_chunk",
    "EXECUTE on compressible_rollups",
    "EXECUTE on count_ticks",
    # They read with the rights of their caller.
    "EXECUTE on top_movers",
    "EXECUTE on open_interest_ticks",
    "EXECUTE on open_interest_coverage",
    "EXECUTE on open_interest_gaps",
}
# What somebody has been granted, or has by PostgreSQL's own defaults, on anything of ours.
GRANTED = """
WITH objects (name, owner, acl) AS (
    SELECT oid::regclass::text, relowner,
        coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))
    FROM pg_class
    WHERE relnamespace IN ('public'::regnamespace, 'collector_storage'::regnamespace)
        AND relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT c.oid::regclass || '.' || attname, relowner, attacl
    FROM pg_attribute JOIN pg_class AS c ON attrelid = c.oid
    WHERE relnamespace IN ('public'::regnamespace, 'collector_storage'::regnamespace)
        AND attacl IS NOT NULL
    UNION ALL
    SELECT proname, proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc AS p
    WHERE pronamespace IN ('public'::regnamespace, 'collector_storage'::regnamespace)
        AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid
            AND deptype = 'e'
    )
    UNION ALL
    SELECT 'schema ' || nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname IN ('public', 'collector_storage')
    UNION ALL
    SELECT 'database', datdba, datacl FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'future relations', defaclrole, defaclacl FROM pg_default_acl WHERE defaclobjtype = 'r'
)
SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee,
    privilege_type || ' on ' || name, is_grantable
FROM objects, aclexplode(acl) WHERE grantee <> owner
"""
