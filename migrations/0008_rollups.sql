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
    raw_from timestamptz NOT NULL
);
INSERT INTO collector_storage.rollup_state VALUES (true, '-infinity', '-infinity');
COMMENT ON TABLE collector_storage.rollup_state IS 'How far the rollups are; one row.';
COMMENT ON COLUMN collector_storage.rollup_state.only_row IS 'True: there is no second row.';
COMMENT ON COLUMN collector_storage.rollup_state.finished_before IS
    'Hours that begin before this are in rollup_finished; minus infinity on Community.';
COMMENT ON COLUMN collector_storage.rollup_state.raw_from IS
    'Snapshots before this have been dropped: rollups from before it do not change any more.';

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
RETURNS TABLE (finished_before timestamptz, raw_from timestamptz)
LANGUAGE plpgsql AS $function$
BEGIN
    LOCK TABLE ONLY collector_storage.open_interest IN ROW EXCLUSIVE MODE;
    -- A statement of its own, which sees what was committed while the lock was waited for.
    RETURN QUERY SELECT s.finished_before, s.raw_from FROM collector_storage.rollup_state AS s;
END
$function$;
COMMENT ON FUNCTION collector_storage.hold_finished() IS
    'Keeps hours from being finished until the end of the transaction, and returns rollup_state.';

CREATE FUNCTION collector_storage.finish_hour(until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $function$
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
