-- Snapshots under a number instead of two texts: about 105 bytes a row with indexes where it was 191,
-- and 12 in the columnstore where it was 14 (docs/database.md). What analysts read keeps its name, its
-- key and its columns: open_interest is a view now, over the hypertable in collector_storage.

CREATE SCHEMA collector_storage;
COMMENT ON SCHEMA collector_storage IS
    'How the collector stores things, which may change: read the views and tables in front of it.';

CREATE TABLE collector_storage.series (
    series_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL,
    symbol text NOT NULL,
    UNIQUE (venue, symbol)
);
COMMENT ON TABLE collector_storage.series IS
    'The number that stands for a venue''s instrument: one row for each that ever had a snapshot.';
COMMENT ON COLUMN collector_storage.series.series_id IS 'Never changes and is never used again.';
COMMENT ON COLUMN collector_storage.series.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN collector_storage.series.symbol IS 'The venue''s own id, as in open_interest.';

ALTER TABLE open_interest RENAME TO open_interest_of_before;

-- The columns are in the order that wastes nothing on alignment. A week is a chunk: the index pages
-- of an instrument are fuller the longer its chunk, and a year has 52 chunks to plan with.
CREATE TABLE collector_storage.open_interest (
    exchange_ts timestamptz NOT NULL,
    polled_at timestamptz NOT NULL,
    series_id integer NOT NULL,
    received_after_ms integer NOT NULL,
    open_interest_base numeric,
    open_interest_contracts numeric,
    open_interest_quote numeric,
    long_base numeric,
    short_base numeric,
    PRIMARY KEY (series_id, exchange_ts),
    CONSTRAINT some_amount_is_known CHECK (
        num_nonnulls(open_interest_base, open_interest_contracts, open_interest_quote) > 0
    ),
    -- numeric can hold NaN and Infinity, and both are greater than any number.
    CONSTRAINT amounts_are_finite CHECK (
        open_interest_base >= 0 AND open_interest_base < 'Infinity'
        AND open_interest_contracts >= 0 AND open_interest_contracts < 'Infinity'
        AND open_interest_quote >= 0 AND open_interest_quote < 'Infinity'
        AND long_base >= 0 AND long_base < 'Infinity'
        AND short_base >= 0 AND short_base < 'Infinity'
    )
);

SELECT create_hypertable(
    'collector_storage.open_interest', by_range('exchange_ts', INTERVAL '7 days'),
    create_default_indexes => false
);

-- Rows come in the order of time, nearly: a few bytes for each megabyte tell which pages to read.
CREATE INDEX open_interest_exchange_ts ON collector_storage.open_interest
    USING brin (exchange_ts) WITH (pages_per_range = 32);

-- For the newest rows of all, or of one instrument, when nobody says since when.
CREATE INDEX open_interest_newest ON collector_storage.open_interest (exchange_ts DESC);

COMMENT ON TABLE collector_storage.open_interest IS
    'The snapshots as they are stored: the hypertable behind the view open_interest.';
COMMENT ON COLUMN collector_storage.open_interest.exchange_ts IS 'As in the view.';
COMMENT ON COLUMN collector_storage.open_interest.polled_at IS 'As in the view.';
COMMENT ON COLUMN collector_storage.open_interest.series_id IS 'Venue and symbol: see series.';
COMMENT ON COLUMN collector_storage.open_interest.received_after_ms IS
    'Milliseconds from polled_at until the reply had been read: received_at in the view.';
COMMENT ON COLUMN collector_storage.open_interest.open_interest_base IS 'As in the view.';
COMMENT ON COLUMN collector_storage.open_interest.open_interest_contracts IS 'As in the view.';
COMMENT ON COLUMN collector_storage.open_interest.open_interest_quote IS 'As in the view.';
COMMENT ON COLUMN collector_storage.open_interest.long_base IS 'As in the view.';
COMMENT ON COLUMN collector_storage.open_interest.short_base IS 'As in the view.';

-- Written in the transaction that stores a snapshot: to look for the newest of each instrument would
-- take longer the more chunks there are. Half of a page stays free for the next version of its rows.
CREATE TABLE collector_storage.latest (
    exchange_ts timestamptz NOT NULL,
    polled_at timestamptz NOT NULL,
    series_id integer PRIMARY KEY,
    received_after_ms integer NOT NULL,
    open_interest_base numeric,
    open_interest_contracts numeric,
    open_interest_quote numeric,
    long_base numeric,
    short_base numeric
) WITH (fillfactor = 50);
COMMENT ON TABLE collector_storage.latest IS
    'The newest row of each instrument in open_interest, by exchange_ts.';
COMMENT ON COLUMN collector_storage.latest.exchange_ts IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.polled_at IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.series_id IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.received_after_ms IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.open_interest_base IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.open_interest_contracts IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.open_interest_quote IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.long_base IS 'As in open_interest.';
COMMENT ON COLUMN collector_storage.latest.short_base IS 'As in open_interest.';

INSERT INTO collector_storage.series (venue, symbol)
SELECT venue, symbol FROM open_interest_of_before GROUP BY venue, symbol ORDER BY venue, symbol;

INSERT INTO collector_storage.open_interest
SELECT exchange_ts, polled_at, series_id,
    -- As many as the column can hold: a clock may have been set by weeks in the middle of a poll.
    greatest(-2147483647, least(
        2147483647, floor(extract(epoch FROM received_at - polled_at) * 1000)
    ))::integer,
    open_interest_base, open_interest_contracts, open_interest_quote, long_base, short_base
FROM open_interest_of_before JOIN collector_storage.series USING (venue, symbol)
ORDER BY exchange_ts;

INSERT INTO collector_storage.latest
SELECT newest.* FROM collector_storage.series AS s CROSS JOIN LATERAL (
    SELECT * FROM collector_storage.open_interest AS o WHERE o.series_id = s.series_id
    ORDER BY exchange_ts DESC LIMIT 1
) AS newest;

DROP TABLE open_interest_of_before;

CREATE VIEW open_interest AS
SELECT s.venue, s.symbol, o.exchange_ts,
    o.polled_at + o.received_after_ms * INTERVAL '1 millisecond' AS received_at,
    o.polled_at, o.open_interest_base, o.open_interest_contracts, o.open_interest_quote,
    o.long_base, o.short_base
FROM collector_storage.open_interest AS o JOIN collector_storage.series AS s USING (series_id);

COMMENT ON VIEW open_interest IS
    'Open interest as each venue reports it: one row per instrument and venue timestamp, which are '
    'its key. Units are in the column names; nothing is converted or estimated.';
COMMENT ON COLUMN open_interest.venue IS 'Venue: bitget, htx, synthetix, ...';
COMMENT ON COLUMN open_interest.symbol IS
    'The venue''s own id of the instrument, as its API takes it: BTCUSDT, BTC-USDT, BTC-USDT-211231.';
COMMENT ON COLUMN open_interest.exchange_ts IS
    'The venue''s own clock, to the millisecond. What it stands for differs by venue: see docs/venues/.';
COMMENT ON COLUMN open_interest.received_at IS
    'Our clock, when the reply had been read, to the millisecond.';
COMMENT ON COLUMN open_interest.polled_at IS
    'Our clock, the tick that the poll belongs to: the same for all rows of a sweep and, at equal '
    'intervals, for all venues.';
COMMENT ON COLUMN open_interest.open_interest_base IS
    'Open interest in the base asset (BTC of BTC-USDT); null where the venue does not give it.';
COMMENT ON COLUMN open_interest.open_interest_contracts IS
    'Open interest in contracts; null where the venue does not give it.';
COMMENT ON COLUMN open_interest.open_interest_quote IS
    'Open interest in the quote or settlement currency; null where the venue does not give it.';
COMMENT ON COLUMN open_interest.long_base IS
    'Open long positions in the base asset; null where the venue does not give them.';
COMMENT ON COLUMN open_interest.short_base IS
    'Open short positions in the base asset; null where the venue does not give them.';

-- A migration that adds something which the collector writes to replaces this.
CREATE FUNCTION collector_writer_rights() RETURNS TABLE (relation text, rights text)
LANGUAGE sql STABLE AS $function$
    VALUES
        -- SELECT where an upsert, or the search for contradictions, reads what is there.
        ('collector_storage.open_interest', 'SELECT INSERT'),
        ('collector_storage.series', 'SELECT INSERT'),
        ('collector_storage.latest', 'SELECT INSERT UPDATE'),
        -- What the demo shows.
        ('open_interest', 'SELECT'),
        ('instruments', 'SELECT INSERT UPDATE'),
        ('polls', 'SELECT INSERT UPDATE'),
        ('rejects', 'INSERT'),
        ('journal_marks', 'SELECT INSERT UPDATE DELETE'),
        ('schema_migrations', 'SELECT')
$function$;

REVOKE ALL ON FUNCTION collector_writer_rights() FROM PUBLIC;

COMMENT ON FUNCTION collector_writer_rights() IS
    'What the role collector_writer may do with which table. For the collector itself.';

-- As in 0006, and it knows collector_storage, where analysts have nothing to do.

CREATE OR REPLACE FUNCTION collector_grant_rights() RETURNS text LANGUAGE plpgsql AS $function$
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
            SELECT oid, relname, relnamespace, relacl FROM pg_class AS c
            WHERE relnamespace IN (place, 'collector_storage'::regnamespace) AND relowner = owner
                AND relkind IN ('r', 'p', 'v', 'm')
                AND NOT EXISTS (
                    SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                )
        ), here AS (
            SELECT oid, datacl FROM pg_database WHERE datname = current_database()
        ), wanted (kind, object, role, "right") AS (
            SELECT 'TABLE', oid, 'collector_writer', unnest(string_to_array(rights, ' '))
            FROM ours JOIN collector_writer_rights() AS r ON r.relation::regclass = ours.oid
            UNION ALL
            -- All tables and views, those of later migrations too, but not the collector's own two.
            SELECT 'TABLE', oid, 'analyst', 'SELECT' FROM ours
            WHERE relnamespace = place AND relname NOT IN ('journal_marks', 'schema_migrations')
            UNION ALL
            SELECT 'SCHEMA', place, unnest(roles), 'USAGE'
            UNION ALL
            SELECT 'SCHEMA', 'collector_storage'::regnamespace, 'collector_writer', 'USAGE'
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
                SELECT 'SCHEMA', oid, nspacl FROM pg_namespace
                WHERE oid IN (place, 'collector_storage'::regnamespace)
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
