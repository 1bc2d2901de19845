-- Rollups: open interest by five minutes, hour and day, the same views on both editions.
--
-- Community has continuous aggregates for this. Apache has not, and there hours and days that are
-- over are kept in a table: one row where there were sixty or more. The view adds to them, live,
-- what is not finished yet, so it is exact at any moment. A row that comes late, for an hour that is
-- finished, is added to that hour in the transaction that stores it: first, last, greatest, least,
-- sum and number can all be carried on without reading again what was there before. That also
-- leaves a rollup what it is when its raw rows have been dropped.

CREATE TABLE collector_storage.rollup_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    finished_before timestamptz NOT NULL,
    raw_from timestamptz NOT NULL,
    compress_after interval,
    keep_for interval,
    keep_rollups_for interval
);
INSERT INTO collector_storage.rollup_state VALUES (true, '-infinity', '-infinity');
COMMENT ON TABLE collector_storage.rollup_state IS
    'How far the rollups are, and the settings that policies follow; one row.';
COMMENT ON COLUMN collector_storage.rollup_state.only_row IS 'True: there is no second row.';
COMMENT ON COLUMN collector_storage.rollup_state.finished_before IS
    'Hours that begin before this are in rollup_finished; on Community, those that the Apache edition '
    'has left behind and that have no snapshots any more.';
COMMENT ON COLUMN collector_storage.rollup_state.raw_from IS
    'Snapshots before this have been dropped: rollups from before it do not change any more.';
COMMENT ON COLUMN collector_storage.rollup_state.compress_after IS
    'database.compress_after: chunks that ended so long ago go to the columnstore; null: never.';
COMMENT ON COLUMN collector_storage.rollup_state.keep_for IS
    'database.keep_for: snapshots, rejects and polls are kept so long; null: for ever.';
COMMENT ON COLUMN collector_storage.rollup_state.keep_rollups_for IS
    'database.keep_rollups_for: rollups are kept so long; null: for ever.';

CREATE TABLE collector_storage.rollup_finished (
    bucket timestamptz NOT NULL,
    first_ts timestamptz NOT NULL,
    last_ts timestamptz NOT NULL,
    series_id integer NOT NULL,
    hours integer NOT NULL CHECK (hours IN (1, 24)),
    snapshots integer NOT NULL,
    amounts integer NOT NULL,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    total numeric,
    close_contracts numeric,
    close_quote numeric,
    close_long_base numeric,
    close_short_base numeric,
    PRIMARY KEY (series_id, hours, bucket)
);
SELECT create_hypertable(
    'collector_storage.rollup_finished', by_range('bucket', INTERVAL '35 days'),
    create_default_indexes => false
);
COMMENT ON TABLE collector_storage.rollup_finished IS
    'Hours and days that are over, on the Apache edition: what its rollup_1h and rollup_1d read.';
COMMENT ON COLUMN collector_storage.rollup_finished.bucket IS 'Start of the hour or day, UTC.';
COMMENT ON COLUMN collector_storage.rollup_finished.first_ts IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.last_ts IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.series_id IS 'Venue and symbol: see series.';
COMMENT ON COLUMN collector_storage.rollup_finished.hours IS 'Length in hours: 1 or 24.';
COMMENT ON COLUMN collector_storage.rollup_finished.snapshots IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.amounts IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.open IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.high IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.low IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.close IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.total IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.close_contracts IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.close_quote IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.close_long_base IS 'As in rollup_5m.';
COMMENT ON COLUMN collector_storage.rollup_finished.close_short_base IS 'As in rollup_5m.';

-- Functions in collector_storage can be executed by whoever may use that schema: the owner and
-- collector_writer. This one is in views that analysts read, and runs with their rights otherwise.
--
-- Declared immutable, which it is not, so that it is a constant before the plan is made, and chunks
-- are left out of the plan and not only of its execution: TimescaleDB treats the watermark of its
-- continuous aggregates in the same way. A plan that is kept has an old value in it, which is the
-- same in both halves of the view: it reads more live, and is as right. When raw rows are dropped
-- all plans that read them are made anew.
CREATE FUNCTION collector_storage.finished_before() RETURNS timestamptz
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
RETURN (SELECT finished_before FROM collector_storage.rollup_state);
COMMENT ON FUNCTION collector_storage.finished_before() IS
    'Hours that begin before this are finished. UTC.';

CREATE FUNCTION collector_storage.finished_days_before() RETURNS timestamptz
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
RETURN (SELECT date_trunc('day', finished_before, 'UTC') FROM collector_storage.rollup_state);
COMMENT ON FUNCTION collector_storage.finished_days_before() IS
    'Days that begin before this are finished. UTC.';

-- Whoever inserts snapshots holds this lock until the end of the transaction, and whoever finishes an
-- hour needs a stronger one: an hour is finished with all rows of a transaction, or they are late
-- and their transaction knows it.
CREATE FUNCTION collector_storage.hold_finished()
RETURNS TABLE (hours_before timestamptz, days_before timestamptz, raw_from timestamptz)
LANGUAGE plpgsql AS $function$
BEGIN
    LOCK TABLE ONLY collector_storage.open_interest IN ROW EXCLUSIVE MODE;
    -- A statement of its own, which sees what was committed while the lock was waited for.
    RETURN QUERY SELECT s.finished_before, date_trunc('day', s.finished_before, 'UTC'), s.raw_from
    FROM collector_storage.rollup_state AS s;
END
$function$;
COMMENT ON FUNCTION collector_storage.hold_finished() IS
    'Keeps hours from being finished until the end of the transaction, and returns rollup_state.';

CREATE FUNCTION collector_storage.finish_hour(until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '2s' AS $function$
DECLARE
    since timestamptz;
    start timestamptz;
    stop timestamptz;
    first_chunk timestamptz;
BEGIN
    -- Two that finish wait for each other here, and neither keeps snapshots from being stored.
    SELECT finished_before INTO STRICT since FROM collector_storage.rollup_state FOR UPDATE;
    SELECT min(range_start) INTO first_chunk FROM timescaledb_information.chunks
    WHERE (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest')
        AND range_end > since;
    start := date_trunc('hour', greatest(since, first_chunk), 'UTC');
    stop := start + INTERVAL '1 hour';
    IF NOT isfinite(start) OR stop > least(until, now()) THEN
        RETURN NULL;
    END IF;

    LOCK TABLE ONLY collector_storage.open_interest IN SHARE MODE;
    -- Not planned before the times are known, so that the plan has one chunk in it.
    EXECUTE $insert$
        INSERT INTO collector_storage.rollup_finished (
            bucket, first_ts, last_ts, series_id, hours, snapshots, amounts, open, high, low, close,
            total, close_contracts, close_quote, close_long_base, close_short_base
        )
        SELECT $1, min(exchange_ts), max(exchange_ts), series_id, 1, count(*),
            count(open_interest_base), first(open_interest_base, exchange_ts),
            max(open_interest_base), min(open_interest_base),
            last(open_interest_base, exchange_ts), sum(open_interest_base),
            last(open_interest_contracts, exchange_ts), last(open_interest_quote, exchange_ts),
            last(long_base, exchange_ts), last(short_base, exchange_ts)
        FROM collector_storage.open_interest
        WHERE exchange_ts >= $1 AND exchange_ts < $2 GROUP BY series_id ORDER BY series_id
    $insert$ USING start, stop;
    IF date_trunc('day', since, 'UTC') < date_trunc('day', stop, 'UTC') THEN
        EXECUTE $insert$
            INSERT INTO collector_storage.rollup_finished (
                bucket, first_ts, last_ts, series_id, hours, snapshots, amounts, open, high, low,
                close, total, close_contracts, close_quote, close_long_base, close_short_base
            )
            SELECT time_bucket('1 day', bucket), min(first_ts), max(last_ts), series_id, 24,
                sum(snapshots), sum(amounts), first(open, bucket), max(high), min(low),
                last(close, bucket), sum(total), last(close_contracts, bucket),
                last(close_quote, bucket), last(close_long_base, bucket),
                last(close_short_base, bucket)
            FROM collector_storage.rollup_finished
            WHERE hours = 1 AND bucket >= $1 AND bucket < $2
            GROUP BY series_id, time_bucket('1 day', bucket) ORDER BY series_id
        $insert$ USING date_trunc('day', since, 'UTC'), date_trunc('day', stop, 'UTC');
    END IF;
    UPDATE collector_storage.rollup_state SET finished_before = stop;
    RETURN stop;
END
$function$;
COMMENT ON FUNCTION collector_storage.finish_hour(timestamptz) IS
    'Finishes the next hour that ends by then, and its day if that ends with it; returns the end of '
    'the hour, or null if there is none to be finished.';

-- What follows is per instrument (LATERAL), so that a query for some of them reads nothing of the
-- others: PostgreSQL does not carry a join's series_id into a subquery with groups by itself.
-- Averages are exact at every level: they are the sum over the number, and these are carried along.
CREATE VIEW collector_storage.rollup_5m AS
SELECT s.series_id, r.* FROM collector_storage.series AS s CROSS JOIN LATERAL (
    SELECT time_bucket('5 minutes', exchange_ts) AS bucket,
        first(open_interest_base, exchange_ts) AS open, max(open_interest_base) AS high,
        min(open_interest_base) AS low, last(open_interest_base, exchange_ts) AS close,
        sum(open_interest_base) AS total, count(open_interest_base) AS amounts,
        count(*) AS snapshots, min(exchange_ts) AS first_ts, max(exchange_ts) AS last_ts,
        last(open_interest_contracts, exchange_ts) AS close_contracts,
        last(open_interest_quote, exchange_ts) AS close_quote,
        last(long_base, exchange_ts) AS close_long_base,
        last(short_base, exchange_ts) AS close_short_base
    FROM collector_storage.open_interest AS o WHERE o.series_id = s.series_id
    GROUP BY time_bucket('5 minutes', exchange_ts)
) AS r;

CREATE VIEW collector_storage.rollup_1h AS
SELECT s.series_id, r.* FROM collector_storage.series AS s CROSS JOIN LATERAL (
    SELECT bucket, open, high, low, close, total, amounts::bigint AS amounts,
        snapshots::bigint AS snapshots, first_ts, last_ts, close_contracts, close_quote,
        close_long_base, close_short_base
    FROM collector_storage.rollup_finished AS f
    WHERE f.series_id = s.series_id AND hours = 1 AND bucket < collector_storage.finished_before()
    UNION ALL
    SELECT time_bucket('1 hour', exchange_ts) AS bucket,
        first(open_interest_base, exchange_ts), max(open_interest_base),
        min(open_interest_base), last(open_interest_base, exchange_ts), sum(open_interest_base),
        count(open_interest_base), count(*), min(exchange_ts), max(exchange_ts),
        last(open_interest_contracts, exchange_ts), last(open_interest_quote, exchange_ts),
        last(long_base, exchange_ts), last(short_base, exchange_ts)
    FROM collector_storage.open_interest AS o
    WHERE o.series_id = s.series_id AND exchange_ts >= collector_storage.finished_before()
    GROUP BY time_bucket('1 hour', exchange_ts)
) AS r;

CREATE VIEW collector_storage.rollup_1d AS
SELECT s.series_id, r.* FROM collector_storage.series AS s CROSS JOIN LATERAL (
    SELECT bucket, open, high, low, close, total, amounts::bigint AS amounts,
        snapshots::bigint AS snapshots, first_ts, last_ts, close_contracts, close_quote,
        close_long_base, close_short_base
    FROM collector_storage.rollup_finished AS f
    WHERE f.series_id = s.series_id AND hours = 24
        AND bucket < collector_storage.finished_days_before()
    UNION ALL
    SELECT time_bucket('1 day', bucket) AS bucket, first(open, bucket), max(high), min(low),
        last(close, bucket), sum(total), sum(amounts)::bigint, sum(snapshots)::bigint,
        min(first_ts), max(last_ts), last(close_contracts, bucket), last(close_quote, bucket),
        last(close_long_base, bucket), last(close_short_base, bucket)
    FROM collector_storage.rollup_1h AS h
    WHERE h.series_id = s.series_id AND bucket >= collector_storage.finished_days_before()
    GROUP BY time_bucket('1 day', bucket)
) AS r;

CREATE VIEW open_interest_5m AS
SELECT s.venue, s.symbol, r.bucket, r.open, r.high, r.low, r.close,
    r.total / nullif(r.amounts, 0) AS average, r.snapshots, r.first_ts, r.last_ts,
    r.close_contracts, r.close_quote, r.close_long_base, r.close_short_base
FROM collector_storage.rollup_5m AS r JOIN collector_storage.series AS s USING (series_id);

CREATE VIEW open_interest_1h AS
SELECT s.venue, s.symbol, r.bucket, r.open, r.high, r.low, r.close,
    r.total / nullif(r.amounts, 0) AS average, r.snapshots, r.first_ts, r.last_ts,
    r.close_contracts, r.close_quote, r.close_long_base, r.close_short_base
FROM collector_storage.rollup_1h AS r JOIN collector_storage.series AS s USING (series_id);

CREATE VIEW open_interest_1d AS
SELECT s.venue, s.symbol, r.bucket, r.open, r.high, r.low, r.close,
    r.total / nullif(r.amounts, 0) AS average, r.snapshots, r.first_ts, r.last_ts,
    r.close_contracts, r.close_quote, r.close_long_base, r.close_short_base
FROM collector_storage.rollup_1d AS r JOIN collector_storage.series AS s USING (series_id);

COMMENT ON VIEW open_interest_5m IS
    'Open interest by five minutes, as each venue reports it: one row per instrument and bucket '
    'that has a snapshot. On the Apache edition it reads the snapshots, and goes back as far.';
COMMENT ON VIEW open_interest_1h IS
    'Open interest by the hour, as each venue reports it: one row per instrument and hour that has a '
    'snapshot, the hour under way included.';
COMMENT ON VIEW open_interest_1d IS
    'Open interest by the day (UTC), as each venue reports it: one row per instrument and day that '
    'has a snapshot, the day under way included.';
DO $block$
DECLARE
    item record;
    object text;
BEGIN
    FOREACH object IN ARRAY ARRAY['5m', '1h', '1d'] LOOP
        FOR item IN VALUES
            ('venue', 'Venue, as in open_interest.'),
            ('symbol', 'The venue''s own id, as in open_interest.'),
            ('bucket', 'Start of the bucket, UTC.'),
            ('open', 'Base asset: open_interest_base of the first snapshot in the bucket, by '
                'exchange_ts; null where that gives none.'),
            ('high', 'Base asset: the greatest open_interest_base; null where the venue gives none.'),
            ('low', 'Base asset: the least open_interest_base; null where the venue gives none.'),
            ('close', 'Base asset: open_interest_base of the last snapshot in the bucket, by '
                'exchange_ts; null where that gives none.'),
            ('average', 'Base asset: the mean of open_interest_base over the snapshots that have it, '
                'each of the same weight; null where the venue gives none.'),
            ('snapshots', 'How many snapshots there are in the bucket.'),
            ('first_ts', 'exchange_ts of the first snapshot.'),
            ('last_ts', 'exchange_ts of the last snapshot.'),
            ('close_contracts', 'Contracts: open_interest_contracts of the last snapshot.'),
            ('close_quote', 'Quote or settlement currency: open_interest_quote of the last snapshot.'),
            ('close_long_base', 'Base asset: long_base of the last snapshot.'),
            ('close_short_base', 'Base asset: short_base of the last snapshot.')
        LOOP
            EXECUTE format(
                'COMMENT ON COLUMN open_interest_%s.%I IS %L', object, item.column1, item.column2
            );
        END LOOP;
    END LOOP;
END
$block$;

-- The policies are settings of the collector: their owner writes them here with `collector migrate`.
-- The writer, whose password is on a machine that faces the internet, can have them carried out
-- and can not change them: what it could have dropped is what would be dropped anyway.

CREATE FUNCTION collector_storage.drop_expired() RETURNS TABLE (relation text, dropped text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '2s' AS $function$
DECLARE
    state collector_storage.rollup_state;
    item record;
    chunks bigint;
    gone_before timestamptz;
    deleted bigint;
BEGIN
    SELECT * INTO STRICT state FROM collector_storage.rollup_state FOR UPDATE;
    -- Community has its own policies for this.
    IF current_setting('timescaledb.license') = 'apache' THEN
        FOR item IN VALUES
            -- What is not in the rollups yet stays.
            ('open_interest', least(now() - state.keep_for, state.finished_before), state.keep_for),
            ('rollup_finished', now() - state.keep_rollups_for, state.keep_rollups_for),
            ('rejects', now() - state.keep_for, state.keep_for)
        LOOP
            CONTINUE WHEN item.column3 IS NULL;
            SELECT count(*), max(range_end) INTO chunks, gone_before
            FROM timescaledb_information.chunks
            WHERE hypertable_name = item.column1 AND range_end <= item.column2
                AND hypertable_schema IN ('collector_storage', 'public');
            CONTINUE WHEN chunks = 0;
            IF item.column1 = 'open_interest' THEN
                UPDATE collector_storage.rollup_state SET raw_from = greatest(raw_from, gone_before);
            END IF;
            relation := item.column1;
            PERFORM drop_chunks(
                CASE item.column1 WHEN 'rejects' THEN 'rejects'::regclass
                ELSE format('collector_storage.%I', item.column1)::regclass END,
                older_than => item.column2
            );
            dropped := format('%s chunks, before %s', chunks, gone_before);
            RETURN NEXT;
        END LOOP;
    END IF;
    IF state.keep_for IS NOT NULL THEN
        DELETE FROM polls WHERE (venue, polled_at) IN (
            SELECT venue, polled_at FROM polls WHERE polled_at < now() - state.keep_for
            ORDER BY polled_at LIMIT 10000
        );
        GET DIAGNOSTICS deleted = ROW_COUNT;
        IF deleted > 0 THEN
            relation := 'polls';
            dropped := format('%s rows', deleted);
            RETURN NEXT;
        END IF;
    END IF;
END
$function$;
COMMENT ON FUNCTION collector_storage.drop_expired() IS
    'Drops what is older than the settings say, as far as no policy of the server does it: chunks on '
    'the Apache edition, 10,000 polls a call on both.';

-- Everything that differs by edition. `collector migrate` calls it each time, so that a database
-- whose server was moved from Apache to Community is moved along. Every rollup stays what it was:
-- hours whose snapshots are gone stay in rollup_finished, the others are aggregated again.
--
-- The aggregates are real time. In front of them are views as on Apache, per instrument, because
-- the planner does not carry a join into an aggregate either.
CREATE FUNCTION collector_build_rollups(edition text) RETURNS SETOF text
LANGUAGE plpgsql AS $function$
DECLARE
    first_chunk timestamptz;
    level record;
BEGIN
    IF edition <> 'timescale' OR to_regclass('collector_storage.aggregate_5m') IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM FROM collector_storage.rollup_state FOR UPDATE;
    LOCK TABLE ONLY collector_storage.open_interest IN SHARE ROW EXCLUSIVE MODE;
    -- A late row may have made a chunk that is older than those that were dropped.
    SELECT greatest(min(range_start), max(raw_from)) INTO first_chunk
    FROM collector_storage.rollup_state LEFT JOIN timescaledb_information.chunks
        ON (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest');
    DELETE FROM collector_storage.rollup_finished WHERE bucket >= first_chunk;
    UPDATE collector_storage.rollup_state SET finished_before = CASE
        WHEN EXISTS (SELECT FROM collector_storage.rollup_finished)
            THEN least(first_chunk, date_trunc('day', finished_before, 'UTC'))
        ELSE '-infinity'
    END;
    UPDATE collector_storage.rollup_state SET raw_from = greatest(raw_from, finished_before);

    EXECUTE $create$
        CREATE MATERIALIZED VIEW collector_storage.aggregate_5m
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT series_id, time_bucket('5 minutes', exchange_ts) AS bucket,
            first(open_interest_base, exchange_ts) AS open, max(open_interest_base) AS high,
            min(open_interest_base) AS low, last(open_interest_base, exchange_ts) AS close,
            sum(open_interest_base) AS total, count(open_interest_base) AS amounts,
            count(*) AS snapshots, min(exchange_ts) AS first_ts, max(exchange_ts) AS last_ts,
            last(open_interest_contracts, exchange_ts) AS close_contracts,
            last(open_interest_quote, exchange_ts) AS close_quote,
            last(long_base, exchange_ts) AS close_long_base,
            last(short_base, exchange_ts) AS close_short_base
        FROM collector_storage.open_interest
        GROUP BY series_id, time_bucket('5 minutes', exchange_ts)
        WITH NO DATA
    $create$;
    FOR level IN VALUES ('1h', '1 hour', '5m'), ('1d', '1 day', '1h') LOOP
        EXECUTE format(
            $create$
                CREATE MATERIALIZED VIEW collector_storage.aggregate_%1$s
                WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
                SELECT series_id, time_bucket(%2$L, bucket) AS bucket, first(open, bucket) AS open,
                    max(high) AS high, min(low) AS low, last(close, bucket) AS close,
                    sum(total) AS total, sum(amounts)::bigint AS amounts,
                    sum(snapshots)::bigint AS snapshots, min(first_ts) AS first_ts,
                    max(last_ts) AS last_ts, last(close_contracts, bucket) AS close_contracts,
                    last(close_quote, bucket) AS close_quote,
                    last(close_long_base, bucket) AS close_long_base,
                    last(close_short_base, bucket) AS close_short_base
                FROM collector_storage.aggregate_%3$s
                GROUP BY series_id, time_bucket(%2$L, bucket)
                WITH NO DATA
            $create$, level.column1, level.column2, level.column3
        );
    END LOOP;
    -- There are no finished five minutes: the branch is there so that the three are alike.
    FOR level IN VALUES ('5m', 0), ('1h', 1), ('1d', 24) LOOP
        EXECUTE format(
            $create$
                CREATE OR REPLACE VIEW collector_storage.rollup_%1$s AS
                SELECT s.series_id, r.* FROM collector_storage.series AS s CROSS JOIN LATERAL (
                    SELECT bucket, open, high, low, close, total, amounts::bigint AS amounts,
                        snapshots::bigint AS snapshots, first_ts, last_ts, close_contracts,
                        close_quote, close_long_base, close_short_base
                    FROM collector_storage.rollup_finished AS f
                    WHERE f.series_id = s.series_id AND hours = %2$s
                        AND bucket < collector_storage.finished_before()
                    UNION ALL
                    SELECT bucket, open, high, low, close, total, amounts, snapshots, first_ts,
                        last_ts, close_contracts, close_quote, close_long_base, close_short_base
                    FROM collector_storage.aggregate_%1$s AS a
                    WHERE a.series_id = s.series_id
                        AND bucket >= collector_storage.finished_before()
                ) AS r
            $create$, level.column1, level.column2
        );
    END LOOP;
    RETURN NEXT 'the rollups are continuous aggregates now';
END
$function$;
REVOKE ALL ON FUNCTION collector_build_rollups(text) FROM PUBLIC;
COMMENT ON FUNCTION collector_build_rollups(text) IS
    'Builds what an edition has for the rollups, if it is not there. For the collector itself; '
    'returns what was done.';

-- A refresh that reaches back to where snapshots have been dropped would empty the aggregates there;
-- so a policy never does, also when keep_for has become longer since.
CREATE FUNCTION collector_reconcile_policies(
    edition text, compress_after interval, keep_for interval, keep_rollups_for interval, apply boolean
) RETURNS SETOF text LANGUAGE plpgsql AS $function$
DECLARE
    state collector_storage.rollup_state;
    item record;
    job record;
    reach interval;
    relation regclass;
BEGIN
    SELECT * INTO STRICT state FROM collector_storage.rollup_state;
    FOR item IN VALUES
        ('compress_after', state.compress_after, compress_after, 'never'),
        ('keep_for', state.keep_for, keep_for, 'for ever'),
        ('keep_rollups_for', state.keep_rollups_for, keep_rollups_for, 'for ever')
    LOOP
        CONTINUE WHEN item.column2 IS NOT DISTINCT FROM item.column3;
        RETURN NEXT format(
            'database.%s: %s, was %s%s', item.column1,
            coalesce(item.column3::text, item.column4), coalesce(item.column2::text, item.column4),
            CASE WHEN edition <> 'timescale' AND item.column1 = 'compress_after'
                THEN ' (the Apache edition has no columnstore)' END
        );
    END LOOP;
    -- What a policy of the server may have dropped until now.
    SELECT greatest(state.raw_from, max(now() - (config ->> 'drop_after')::interval))
    INTO state.raw_from FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_retention'
        AND (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest');
    IF apply THEN
        UPDATE collector_storage.rollup_state AS s SET
            raw_from = state.raw_from,
            compress_after = collector_reconcile_policies.compress_after,
            keep_for = collector_reconcile_policies.keep_for,
            keep_rollups_for = collector_reconcile_policies.keep_rollups_for;
    END IF;
    IF edition <> 'timescale' OR to_regclass('collector_storage.aggregate_5m') IS NULL THEN
        RETURN;
    END IF;

    IF compress_after IS NOT NULL AND NOT EXISTS (
        SELECT FROM timescaledb_information.hypertables WHERE compression_enabled
            AND (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest')
    ) THEN
        RETURN NEXT 'open_interest: columnstore, by series_id';
        IF apply THEN
            EXECUTE $alter$
                ALTER TABLE collector_storage.open_interest SET (
                    timescaledb.compress, timescaledb.compress_segmentby = 'series_id',
                    timescaledb.compress_orderby = 'exchange_ts'
                )
            $alter$;
        END IF;
    END IF;
    reach := least(keep_for - INTERVAL '1 day', CASE WHEN isfinite(state.raw_from)
        THEN greatest(INTERVAL '1 day' * (extract(epoch FROM now() - state.raw_from)::bigint / 86400),
            INTERVAL '3 days')
    END);
    FOR item IN
        SELECT *, CASE policy WHEN 'refresh_continuous_aggregate' THEN 'start_offset'
            WHEN 'compression' THEN 'compress_after' ELSE 'drop_after' END AS key
        FROM (VALUES
            ('compression', 'collector_storage.open_interest', compress_after IS NOT NULL,
                compress_after, NULL::interval, NULL::interval),
            ('retention', 'collector_storage.open_interest', keep_for IS NOT NULL, keep_for, NULL,
                NULL),
            ('retention', 'rejects', keep_for IS NOT NULL, keep_for, NULL, NULL),
            ('retention', 'collector_storage.aggregate_5m', keep_rollups_for IS NOT NULL,
                keep_rollups_for, NULL, NULL),
            ('retention', 'collector_storage.aggregate_1h', keep_rollups_for IS NOT NULL,
                keep_rollups_for, NULL, NULL),
            ('retention', 'collector_storage.aggregate_1d', keep_rollups_for IS NOT NULL,
                keep_rollups_for, NULL, NULL),
            ('retention', 'collector_storage.rollup_finished', keep_rollups_for IS NOT NULL,
                keep_rollups_for, NULL, NULL),
            ('refresh_continuous_aggregate', 'collector_storage.aggregate_5m', true, reach,
                INTERVAL '10 minutes', INTERVAL '5 minutes'),
            ('refresh_continuous_aggregate', 'collector_storage.aggregate_1h', true, reach,
                INTERVAL '30 minutes', INTERVAL '15 minutes'),
            ('refresh_continuous_aggregate', 'collector_storage.aggregate_1d', true, reach,
                INTERVAL '2 hours', INTERVAL '1 hour')
        ) AS wanted (policy, relation, is_wanted, after, until, every)
    LOOP
        relation := item.relation::regclass;
        SELECT (config ->> item.key)::interval AS after INTO job
        FROM timescaledb_information.jobs AS j
        WHERE proc_name = 'policy_' || item.policy AND EXISTS (
            SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
            LEFT JOIN timescaledb_information.continuous_aggregates AS a
                ON (view_schema, view_name) = (nspname, relname)
            -- A version names a policy's aggregate, another its table.
            WHERE c.oid = relation AND (j.hypertable_schema, j.hypertable_name) IN (
                (nspname, relname),
                (a.materialization_hypertable_schema, a.materialization_hypertable_name)
            )
        );
        IF FOUND THEN
            -- How far back the raw rows go is a little more every day.
            CONTINUE WHEN item.is_wanted AND (
                job.after IS NOT DISTINCT FROM item.after
                OR item.policy = 'refresh_continuous_aggregate'
                    AND job.after BETWEEN item.after - INTERVAL '7 days' AND item.after
                    AND item.after IS DISTINCT FROM keep_for - INTERVAL '1 day'
            );
            RETURN NEXT format(
                '%s: no %s policy any more (was %s)', relation, item.policy,
                coalesce(job.after::text, 'all of it')
            );
            IF apply THEN
                CASE item.policy
                    WHEN 'compression' THEN PERFORM remove_compression_policy(relation);
                    WHEN 'retention' THEN PERFORM remove_retention_policy(relation);
                    ELSE PERFORM remove_continuous_aggregate_policy(relation);
                END CASE;
            END IF;
        END IF;
        CONTINUE WHEN NOT item.is_wanted;
        RETURN NEXT format(
            '%s: %s policy, %s', relation, item.policy, coalesce(item.after::text, 'all of it')
        );
        IF apply THEN
            CASE item.policy
                WHEN 'compression' THEN PERFORM add_compression_policy(relation, item.after);
                WHEN 'retention' THEN PERFORM add_retention_policy(relation, item.after);
                ELSE PERFORM add_continuous_aggregate_policy(
                    relation, start_offset => item.after, end_offset => item.until,
                    schedule_interval => item.every
                );
            END CASE;
        END IF;
    END LOOP;
END
$function$;
REVOKE ALL ON FUNCTION collector_reconcile_policies(text, interval, interval, interval, boolean)
    FROM PUBLIC;
COMMENT ON FUNCTION collector_reconcile_policies(text, interval, interval, interval, boolean) IS
    'Brings the policies to what the settings say, or only says what would change. For the collector '
    'itself; null: never, or for ever.';

CREATE OR REPLACE FUNCTION collector_writer_rights() RETURNS TABLE (relation text, rights text)
LANGUAGE sql STABLE AS $function$
    VALUES
        -- SELECT where an upsert, or the search for contradictions, reads what is there.
        ('collector_storage.open_interest', 'SELECT INSERT'),
        ('collector_storage.series', 'SELECT INSERT'),
        ('collector_storage.latest', 'SELECT INSERT UPDATE'),
        -- Late rows.
        ('collector_storage.rollup_finished', 'SELECT INSERT UPDATE'),
        ('collector_storage.rollup_state', 'SELECT'),
        -- What the demo shows.
        ('open_interest', 'SELECT'),
        ('instruments', 'SELECT INSERT UPDATE'),
        ('polls', 'SELECT INSERT UPDATE'),
        ('rejects', 'INSERT'),
        ('journal_marks', 'SELECT INSERT UPDATE DELETE'),
        ('schema_migrations', 'SELECT')
$function$;
