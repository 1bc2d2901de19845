-- What was to be had against what was got. Polls know the interval of their venue now, so that a tick
-- without a poll is known for one: the collector was down. All of it is counted in ticks: a tick is a
-- moment at which a venue was to be polled.

ALTER TABLE polls ADD COLUMN poll_interval interval CHECK (poll_interval > INTERVAL '0');
COMMENT ON COLUMN polls.poll_interval IS
    'Time from this tick to the next, as it was configured; null in rows of versions that did not say.';

-- Small enough to be looked through as a whole: one row for each time that the collector was down.
CREATE TABLE collector_storage.silences (
    venue text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    poll_interval interval NOT NULL,
    PRIMARY KEY (venue, since)
);
COMMENT ON TABLE collector_storage.silences IS
    'Where polls has no row for a tick: between two polls of a venue, or after the newest one.';
COMMENT ON COLUMN collector_storage.silences.venue IS 'Venue, as in polls.';
COMMENT ON COLUMN collector_storage.silences.since IS 'Tick of the poll before: polled_at in polls.';
COMMENT ON COLUMN collector_storage.silences.until IS
    'Tick of the poll after; null for the newest poll of a venue.';
COMMENT ON COLUMN collector_storage.silences.poll_interval IS
    'Time from tick to tick: that of the poll before, or else of the poll after.';

-- Counted anew when a poll is stored, in the same transaction: a month of ticks by the hour is 720
-- rows here and 43,200 in polls.
CREATE TABLE collector_storage.ticks (
    venue text NOT NULL,
    width interval NOT NULL,
    bucket timestamptz NOT NULL,
    expected integer NOT NULL,
    ok integer NOT NULL,
    empty integer NOT NULL,
    partial integer NOT NULL,
    failed integer NOT NULL,
    skipped integer NOT NULL,
    refused integer NOT NULL,
    interrupted integer NOT NULL,
    running integer NOT NULL,
    missing integer NOT NULL,
    PRIMARY KEY (width, venue, bucket)
);
COMMENT ON TABLE collector_storage.ticks IS
    'Ticks of a venue in each five minutes, hour and day, up to its newest poll, by what became of them.';
COMMENT ON COLUMN collector_storage.ticks.venue IS 'Venue, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.width IS 'Width of the bucket: 5 minutes, 1 hour or 1 day.';
COMMENT ON COLUMN collector_storage.ticks.bucket IS 'Start of the bucket, UTC.';
COMMENT ON COLUMN collector_storage.ticks.expected IS 'Ticks: the sum of all that follow.';
COMMENT ON COLUMN collector_storage.ticks.ok IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.empty IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.partial IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.failed IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.skipped IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.refused IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.interrupted IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.running IS 'Ticks of this outcome, as in polls.';
COMMENT ON COLUMN collector_storage.ticks.missing IS 'Ticks without a row in polls.';

CREATE FUNCTION collector_storage.count_ticks(venues text[], polled timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
    touched record;
    -- From the poll before the ones given to the poll after: what lies between may have changed.
    low timestamptz;
    high timestamptz;
    wide interval;
    narrow interval;
BEGIN
    FOR touched IN
        SELECT v AS venue, min(t) AS first, max(t) AS last
        FROM unnest(venues, polled) AS given (v, t) GROUP BY v ORDER BY v
    LOOP
        -- Of two collectors that store polls of a venue, the second counts the first one's, too.
        PERFORM pg_advisory_xact_lock(hashtext('collector ticks'), hashtext(touched.venue));
        low := coalesce((
            SELECT max(p.polled_at) FROM polls AS p
            WHERE p.venue = touched.venue AND p.polled_at < touched.first
        ), touched.first);
        high := coalesce((
            SELECT min(p.polled_at) FROM polls AS p
            WHERE p.venue = touched.venue AND p.polled_at > touched.last
        ), touched.last);

        DELETE FROM collector_storage.silences AS s
        WHERE s.venue = touched.venue AND s.since BETWEEN low AND touched.last;
        INSERT INTO collector_storage.silences (venue, since, until, poll_interval)
        SELECT touched.venue, here, there, every
        FROM (
            SELECT polled_at AS here, lead(polled_at) OVER following AS there,
                coalesce(poll_interval, lead(poll_interval) OVER following) AS every
            FROM polls AS p
            WHERE p.venue = touched.venue AND p.polled_at BETWEEN low AND high
            WINDOW following AS (ORDER BY polled_at)
        ) AS pairs
        -- After more than a week it was not down but switched off.
        WHERE here <= touched.last AND every IS NOT NULL
            AND (there IS NULL OR (here + every < there AND there - here <= INTERVAL '7 days'));

        narrow := INTERVAL '5 minutes';
        DELETE FROM collector_storage.ticks AS k
        WHERE k.width = narrow AND k.venue = touched.venue
            AND k.bucket BETWEEN time_bucket(narrow, low) AND high;
        INSERT INTO collector_storage.ticks
        SELECT touched.venue, narrow, time_bucket(narrow, tick), count(*),
            count(*) FILTER (WHERE outcome = 'ok'), count(*) FILTER (WHERE outcome = 'empty'),
            count(*) FILTER (WHERE outcome = 'partial'),
            count(*) FILTER (WHERE outcome = 'failed'),
            count(*) FILTER (WHERE outcome = 'skipped'),
            count(*) FILTER (WHERE outcome = 'refused'),
            count(*) FILTER (WHERE outcome = 'interrupted'),
            count(*) FILTER (WHERE outcome = 'running'),
            count(*) FILTER (WHERE outcome = 'missing')
        FROM (
            SELECT p.polled_at, p.outcome FROM polls AS p
            WHERE p.venue = touched.venue AND p.polled_at >= time_bucket(narrow, low)
                AND p.polled_at < time_bucket(narrow, high) + narrow
            UNION ALL
            SELECT missed, 'missing' FROM collector_storage.silences AS s, generate_series(
                s.since + s.poll_interval, s.until - INTERVAL '1 microsecond', s.poll_interval
            ) AS missed
            WHERE s.venue = touched.venue AND s.until > time_bucket(narrow, low)
                AND s.since < time_bucket(narrow, high) + narrow
                AND missed >= time_bucket(narrow, low)
                AND missed < time_bucket(narrow, high) + narrow
        ) AS known (tick, outcome)
        GROUP BY 3;

        FOREACH wide IN ARRAY ARRAY[INTERVAL '1 hour', INTERVAL '1 day'] LOOP
            DELETE FROM collector_storage.ticks AS k
            WHERE k.width = wide AND k.venue = touched.venue
                AND k.bucket BETWEEN time_bucket(wide, low) AND high;
            INSERT INTO collector_storage.ticks
            SELECT touched.venue, wide, time_bucket(wide, k.bucket), sum(k.expected), sum(k.ok),
                sum(k.empty), sum(k.partial), sum(k.failed), sum(k.skipped), sum(k.refused),
                sum(k.interrupted), sum(k.running), sum(k.missing)
            FROM collector_storage.ticks AS k
            WHERE k.width = narrow AND k.venue = touched.venue
                AND k.bucket >= time_bucket(wide, low)
                AND k.bucket < time_bucket(wide, high) + wide
            GROUP BY 3;
            narrow := wide;
        END LOOP;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION collector_storage.count_ticks(text[], timestamptz[]) IS
    'Counts the ticks around polls that have been stored or changed. For the collector itself.';

SELECT collector_storage.count_ticks(array_agg(venue), array_agg(polled_at))
FROM (
    SELECT venue, min(polled_at) AS polled_at FROM polls GROUP BY venue
    UNION ALL
    SELECT venue, max(polled_at) FROM polls GROUP BY venue
) AS bounds;

-- A poll may take three intervals, or a minute if that is more: until then a tick without a row is
-- not missing yet.
CREATE VIEW venue_ticks AS
SELECT venue, polled_at AS tick, outcome, poll_interval, instruments, rows_fetched, rows_stored,
    rows_duplicate, rows_rejected, error
FROM polls
UNION ALL
SELECT s.venue, missed, 'missing', s.poll_interval, 0, 0, 0, 0, 0, NULL
FROM collector_storage.silences AS s CROSS JOIN LATERAL generate_series(
    s.since + s.poll_interval,
    coalesce(
        s.until - INTERVAL '1 microsecond',
        now() - greatest(3 * s.poll_interval, INTERVAL '1 minute')
    ),
    s.poll_interval
) AS missed
WHERE coalesce(s.until, now()) - s.since <= INTERVAL '7 days';

COMMENT ON VIEW venue_ticks IS
    'Every moment at which a venue was to be polled, with what became of it: the rows of polls, and '
    'a row with the outcome missing where polls has none, since the collector was down. After seven '
    'days without a poll a venue counts as switched off since its last one, and nothing is missing.';
COMMENT ON COLUMN venue_ticks.venue IS 'Venue, as in polls.';
COMMENT ON COLUMN venue_ticks.tick IS 'The moment, UTC: polled_at in polls.';
COMMENT ON COLUMN venue_ticks.outcome IS 'As in polls; missing: no poll was made, and none recorded.';
COMMENT ON COLUMN venue_ticks.poll_interval IS 'Time to the next tick; null if it is not known.';
COMMENT ON COLUMN venue_ticks.instruments IS 'How many instruments the poll was to report.';
COMMENT ON COLUMN venue_ticks.rows_fetched IS 'Number of rows, as in polls.';
COMMENT ON COLUMN venue_ticks.rows_stored IS 'Number of rows, as in polls.';
COMMENT ON COLUMN venue_ticks.rows_duplicate IS 'Number of rows, as in polls.';
COMMENT ON COLUMN venue_ticks.rows_rejected IS 'Number of rows, as in polls.';
COMMENT ON COLUMN venue_ticks.error IS 'What went wrong, in a sentence; null if nothing did.';

CREATE VIEW venue_coverage AS
SELECT venue, hour, sum(expected)::bigint AS expected,
    (sum(expected) - sum(skipped) - sum(refused) - sum(missing))::bigint AS polled,
    sum(ok)::bigint AS ok, sum(empty)::bigint AS empty, sum(partial)::bigint AS partial,
    sum(failed)::bigint AS failed, sum(skipped)::bigint AS skipped,
    sum(refused)::bigint AS refused, sum(interrupted)::bigint AS interrupted,
    sum(running)::bigint AS running, sum(missing)::bigint AS missing,
    round(sum(ok)::numeric / sum(expected), 4) AS coverage
FROM (
    SELECT venue, bucket AS hour, expected, ok, empty, partial, failed, skipped, refused,
        interrupted, running, missing
    FROM collector_storage.ticks WHERE width = INTERVAL '1 hour'
    UNION ALL
    SELECT s.venue, time_bucket(INTERVAL '1 hour', missed), 1, 0, 0, 0, 0, 0, 0, 0, 0, 1
    FROM collector_storage.silences AS s CROSS JOIN LATERAL generate_series(
        s.since + s.poll_interval, now() - greatest(3 * s.poll_interval, INTERVAL '1 minute'),
        s.poll_interval
    ) AS missed
    WHERE s.until IS NULL AND now() - s.since <= INTERVAL '7 days'
) AS counted
GROUP BY venue, hour;

COMMENT ON VIEW venue_coverage IS
    'Per venue and hour: how many ticks there were, and what became of them. '
    'expected = ok + empty + partial + failed + skipped + refused + interrupted + running + missing.';
COMMENT ON COLUMN venue_coverage.venue IS 'Venue, as in polls.';
COMMENT ON COLUMN venue_coverage.hour IS 'Start of the hour, UTC.';
COMMENT ON COLUMN venue_coverage.expected IS
    'Ticks in the hour, by the interval that was configured then; in the current hour, so far.';
COMMENT ON COLUMN venue_coverage.polled IS
    'Ticks at which the venue was asked: expected less skipped, refused and missing.';
COMMENT ON COLUMN venue_coverage.ok IS 'Ticks at which every request brought a documented reply.';
COMMENT ON COLUMN venue_coverage.empty IS 'Ticks that were answered without a row.';
COMMENT ON COLUMN venue_coverage.partial IS 'Ticks at which some requests brought no reply.';
COMMENT ON COLUMN venue_coverage.failed IS 'Ticks at which no request brought a reply.';
COMMENT ON COLUMN venue_coverage.skipped IS 'Ticks left out because the poll before still ran.';
COMMENT ON COLUMN venue_coverage.refused IS 'Ticks left out because the journal was full.';
COMMENT ON COLUMN venue_coverage.interrupted IS
    'Ticks whose poll was cut off because the collector ended.';
COMMENT ON COLUMN venue_coverage.running IS 'Ticks whose poll has not ended yet.';
COMMENT ON COLUMN venue_coverage.missing IS
    'Ticks without any record: the collector was down, or was not told to poll this venue, for less '
    'than seven days. A venue that is silent for longer counts as switched off.';
COMMENT ON COLUMN venue_coverage.coverage IS 'ok in proportion to expected, 0 to 1.';

CREATE VIEW instrument_spans AS
SELECT s.venue, s.symbol, i.first_seen_at AS listed_from,
    least(
        i.expires_at,
        CASE
            WHEN NOT i.active THEN l.polled_at
            WHEN i.last_seen_at < v.listed_at THEN i.last_seen_at
        END
    ) AS listed_until
FROM collector_storage.series AS s
LEFT JOIN instruments AS i ON i.venue = s.venue AND i.symbol = s.symbol
LEFT JOIN (
    SELECT venue, max(last_seen_at) AS listed_at FROM instruments GROUP BY venue
) AS v ON v.venue = s.venue
LEFT JOIN collector_storage.latest AS l ON l.series_id = s.series_id;

COMMENT ON VIEW instrument_spans IS
    'From when to when each instrument was to be reported: instruments that never had a snapshot, '
    'because config.yaml leaves them out or their venue does, are not in it.';
COMMENT ON COLUMN instrument_spans.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN instrument_spans.symbol IS 'The venue''s own id, as in open_interest.';
COMMENT ON COLUMN instrument_spans.listed_from IS
    'When the venue first listed it; null if it is on no list that was stored.';
COMMENT ON COLUMN instrument_spans.listed_until IS
    'When it expired, or was last on the venue''s list if it is off the newest one, or had its last '
    'snapshot if it is listed but not active; null if it is to be reported now.';

CREATE TYPE open_interest_tick AS (
    venue text,
    symbol text,
    tick timestamptz,
    next_tick timestamptz,
    tick_number bigint,
    state text,
    lost text,
    outcome text,
    snapshots bigint,
    unchanged bigint,
    exchange_ts timestamptz,
    open_interest_base numeric,
    open_interest_contracts numeric,
    open_interest_quote numeric,
    long_base numeric,
    short_base numeric,
    reason text
);
COMMENT ON TYPE open_interest_tick IS
    'A tick of an instrument: a moment at which it was to be reported, or was.';
COMMENT ON COLUMN open_interest_tick.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.symbol IS 'The venue''s own id, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.tick IS 'The moment, UTC: polled_at in open_interest and polls.';
COMMENT ON COLUMN open_interest_tick.next_tick IS 'The venue''s next tick; null after the last one.';
COMMENT ON COLUMN open_interest_tick.tick_number IS 'The venue''s ticks, counted from 1.';
COMMENT ON COLUMN open_interest_tick.state IS
    'changed: a snapshot whose amounts differ from the one before it, or there is none in the hour '
    'before; unchanged: a snapshot with equal amounts; otherwise as in lost.';
COMMENT ON COLUMN open_interest_tick.lost IS
    'Why there is no snapshot, null if there is one. not polled: nothing was asked; failed: no reply '
    'came, or none with this instrument; rejected: its row was set aside; repeated: the venue gave a '
    'snapshot again, timestamp included, that is there already; left out: the venue answered without it.';
COMMENT ON COLUMN open_interest_tick.outcome IS 'What became of the poll, as in venue_ticks.';
COMMENT ON COLUMN open_interest_tick.snapshots IS 'Number of snapshots; 2 after a restart, say.';
COMMENT ON COLUMN open_interest_tick.unchanged IS 'Snapshots of those with the amounts of the one before.';
COMMENT ON COLUMN open_interest_tick.exchange_ts IS 'Of the newest snapshot, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.open_interest_base IS 'Base asset, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.open_interest_contracts IS 'Contracts, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.open_interest_quote IS
    'Quote or settlement currency, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.long_base IS 'Base asset, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.short_base IS 'Base asset, as in open_interest.';
COMMENT ON COLUMN open_interest_tick.reason IS
    'Why the row was set aside, or else what went wrong with the poll; null if nothing did.';

-- Snapshots are found by the venue's timestamp, which is the key, and belong to a tick of our clock: an
-- hour either way is enough for a poll and for what a venue's clock may be off.
CREATE FUNCTION open_interest_ticks(
    venue text, symbol text, "from" timestamptz, "to" timestamptz
) RETURNS SETOF open_interest_tick LANGUAGE sql STABLE AS $function$
    WITH ticks AS MATERIALIZED (
        SELECT k.venue, k.tick, k.outcome, k.error, lead(k.tick) OVER following AS next_tick,
            row_number() OVER following AS tick_number,
            CASE
                WHEN k.outcome IN ('missing', 'skipped', 'refused') THEN 'not polled'
                WHEN k.outcome IN ('failed', 'partial', 'interrupted') THEN 'failed'
                -- Nothing was new, or the rows are as many as the instruments.
                WHEN k.rows_duplicate > 0
                    AND (k.rows_stored = 0 OR k.rows_fetched >= k.instruments) THEN 'repeated'
                ELSE 'left out'
            END AS lost
        FROM venue_ticks AS k
        WHERE k.outcome <> 'running'
            AND k.tick >= open_interest_ticks."from" AND k.tick < open_interest_ticks."to"
            AND (open_interest_ticks.venue IS NULL OR k.venue = open_interest_ticks.venue)
        WINDOW following AS (PARTITION BY k.venue ORDER BY k.tick)
    )
    SELECT i.venue, i.symbol, t.tick, t.next_tick, t.tick_number,
        CASE
            WHEN o.snapshots > o.unchanged THEN 'changed'
            WHEN o.snapshots > 0 THEN 'unchanged'
            WHEN t.lost <> 'not polled' AND r.reason IS NOT NULL THEN 'rejected'
            ELSE t.lost
        END,
        CASE
            WHEN o.snapshots > 0 THEN NULL
            WHEN t.lost <> 'not polled' AND r.reason IS NOT NULL THEN 'rejected'
            ELSE t.lost
        END,
        t.outcome, coalesce(o.snapshots, 0), coalesce(o.unchanged, 0), o.exchange_ts,
        o.open_interest_base, o.open_interest_contracts, o.open_interest_quote, o.long_base,
        o.short_base, coalesce(r.reason, t.error)
    FROM instrument_spans AS i
    -- For each instrument by itself (OFFSET 0 keeps it so): many small sorts and joins, and no large one.
    CROSS JOIN LATERAL (SELECT * FROM ticks WHERE ticks.venue = i.venue OFFSET 0) AS t
    LEFT JOIN LATERAL (
        SELECT s.polled_at, count(*) AS snapshots, count(*) FILTER (WHERE s.same) AS unchanged,
            max(s.exchange_ts) AS exchange_ts,
            last(s.open_interest_base, s.exchange_ts) AS open_interest_base,
            last(s.open_interest_contracts, s.exchange_ts) AS open_interest_contracts,
            last(s.open_interest_quote, s.exchange_ts) AS open_interest_quote,
            last(s.long_base, s.exchange_ts) AS long_base,
            last(s.short_base, s.exchange_ts) AS short_base
        FROM (
            SELECT e.*,
                e.exchange_ts - lag(e.exchange_ts) OVER before <= INTERVAL '1 hour'
                AND (
                    e.open_interest_base, e.open_interest_contracts, e.open_interest_quote,
                    e.long_base, e.short_base
                ) IS NOT DISTINCT FROM (
                    lag(e.open_interest_base) OVER before,
                    lag(e.open_interest_contracts) OVER before,
                    lag(e.open_interest_quote) OVER before,
                    lag(e.long_base) OVER before, lag(e.short_base) OVER before
                ) AS same
            FROM open_interest AS e
            WHERE e.venue = i.venue AND e.symbol = i.symbol
                AND e.exchange_ts >= open_interest_ticks."from" - INTERVAL '2 hours'
                AND e.exchange_ts < open_interest_ticks."to" + INTERVAL '1 hour'
            WINDOW before AS (ORDER BY e.exchange_ts)
        ) AS s
        WHERE s.polled_at >= open_interest_ticks."from" AND s.polled_at < open_interest_ticks."to"
            AND s.exchange_ts >= open_interest_ticks."from" - INTERVAL '1 hour'
        GROUP BY s.polled_at
    ) AS o ON o.polled_at = t.tick
    LEFT JOIN (
        SELECT j.venue, j.symbol, j.polled_at, min(j.reason) AS reason FROM rejects AS j
        WHERE j.polled_at >= open_interest_ticks."from" AND j.polled_at < open_interest_ticks."to"
            AND j.received_at >= open_interest_ticks."from" - INTERVAL '1 hour'
            AND j.received_at < open_interest_ticks."to" + INTERVAL '1 hour'
            AND (open_interest_ticks.venue IS NULL OR j.venue = open_interest_ticks.venue)
            AND (open_interest_ticks.symbol IS NULL OR j.symbol = open_interest_ticks.symbol)
        GROUP BY j.venue, j.symbol, j.polled_at
    ) AS r ON r.venue = i.venue AND r.symbol = i.symbol AND r.polled_at = t.tick
    WHERE (open_interest_ticks.venue IS NULL OR i.venue = open_interest_ticks.venue)
        AND (open_interest_ticks.symbol IS NULL OR i.symbol = open_interest_ticks.symbol)
        AND (
            o.snapshots > 0
            OR t.tick >= i.listed_from AND t.tick <= coalesce(i.listed_until, 'infinity')
        )
$function$;
COMMENT ON FUNCTION open_interest_ticks(text, text, timestamptz, timestamptz) IS
    'One row per tick of an instrument from "from" to before "to", with what came of it: changed, '
    'unchanged, repeated, not polled, failed, rejected or left out. NULL for venue or symbol means all. '
    'A poll that is still running is left out. A snapshot whose exchange_ts is more than an hour from '
    'its tick is not found.';

CREATE TYPE open_interest_covered AS (
    venue text,
    symbol text,
    hour timestamptz,
    expected bigint,
    received bigint,
    repeated bigint,
    not_polled bigint,
    failed bigint,
    left_out bigint,
    rejected bigint,
    snapshots bigint,
    changed bigint,
    unchanged bigint,
    coverage numeric
);
COMMENT ON TYPE open_interest_covered IS
    'What was to be had of an instrument in an hour, and what was got. '
    'expected = received + repeated + not_polled + failed + left_out + rejected.';
COMMENT ON COLUMN open_interest_covered.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN open_interest_covered.symbol IS 'The venue''s own id, as in open_interest.';
COMMENT ON COLUMN open_interest_covered.hour IS 'Start of the hour, UTC.';
COMMENT ON COLUMN open_interest_covered.expected IS
    'Ticks at which the instrument was listed, see instrument_spans, or was reported nevertheless.';
COMMENT ON COLUMN open_interest_covered.received IS 'Ticks with a snapshot.';
COMMENT ON COLUMN open_interest_covered.repeated IS
    'Ticks at which the venue gave a snapshot again, timestamp included, that was there already.';
COMMENT ON COLUMN open_interest_covered.not_polled IS
    'Ticks at which nothing was asked: missing, skipped and refused in venue_coverage.';
COMMENT ON COLUMN open_interest_covered.failed IS
    'Ticks without a snapshot whose poll failed, was partial or was interrupted.';
COMMENT ON COLUMN open_interest_covered.left_out IS
    'Ticks at which the venue answered, and did not report the instrument.';
COMMENT ON COLUMN open_interest_covered.rejected IS
    'Ticks at which its row was set aside: see rejects.';
COMMENT ON COLUMN open_interest_covered.snapshots IS
    'Number of snapshots: more than received where a tick had two, after a restart say.';
COMMENT ON COLUMN open_interest_covered.changed IS
    'Snapshots whose amounts differ from the one before, or there is none in the hour before.';
COMMENT ON COLUMN open_interest_covered.unchanged IS
    'Snapshots whose amounts equal those of the one before.';
COMMENT ON COLUMN open_interest_covered.coverage IS
    'received and repeated in proportion to expected, 0 to 1.';

CREATE FUNCTION open_interest_coverage(
    "from" timestamptz, "to" timestamptz, venue text DEFAULT NULL, symbol text DEFAULT NULL
) RETURNS SETOF open_interest_covered LANGUAGE sql STABLE AS $function$
    SELECT t.venue, t.symbol, time_bucket(INTERVAL '1 hour', t.tick), count(*),
        count(*) FILTER (WHERE t.lost IS NULL), count(*) FILTER (WHERE t.lost = 'repeated'),
        count(*) FILTER (WHERE t.lost = 'not polled'), count(*) FILTER (WHERE t.lost = 'failed'),
        count(*) FILTER (WHERE t.lost = 'left out'), count(*) FILTER (WHERE t.lost = 'rejected'),
        sum(t.snapshots)::bigint, (sum(t.snapshots) - sum(t.unchanged))::bigint,
        sum(t.unchanged)::bigint,
        round(count(*) FILTER (WHERE t.lost IS NULL OR t.lost = 'repeated')::numeric / count(*), 4)
    FROM open_interest_ticks(
        open_interest_coverage.venue, open_interest_coverage.symbol,
        open_interest_coverage."from", open_interest_coverage."to"
    ) AS t
    GROUP BY 1, 2, 3
$function$;
COMMENT ON FUNCTION open_interest_coverage(timestamptz, timestamptz, text, text) IS
    'Per venue, symbol and hour, of the ticks from "from" to before "to": how many there were, and what '
    'came of them. Without a venue or a symbol: all.';

CREATE TYPE open_interest_gap AS (
    venue text,
    symbol text,
    started_at timestamptz,
    ended_at timestamptz,
    length interval,
    missed bigint,
    cause text
);
COMMENT ON TYPE open_interest_gap IS 'Ticks in a row at which an instrument was due and was not got.';
COMMENT ON COLUMN open_interest_gap.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN open_interest_gap.symbol IS 'The venue''s own id, as in open_interest.';
COMMENT ON COLUMN open_interest_gap.started_at IS 'The first tick without a snapshot, UTC.';
COMMENT ON COLUMN open_interest_gap.ended_at IS
    'The first tick that has a snapshot again, or at which none is due any more; null: not ended yet.';
COMMENT ON COLUMN open_interest_gap.length IS
    'From started_at to ended_at; to now, or the end of what was asked for, if it has not ended.';
COMMENT ON COLUMN open_interest_gap.missed IS 'Snapshots that were due: ticks in the gap.';
COMMENT ON COLUMN open_interest_gap.cause IS
    'Why, by number of ticks, the most frequent first: not polled (missing 118), failed (partial 2), ... '
    'as lost in open_interest_ticks and outcome in venue_ticks.';

-- Ticks that are not in a row differ in their number less the number of lost ones before them.
CREATE FUNCTION open_interest_gaps(
    "from" timestamptz, "to" timestamptz, venue text DEFAULT NULL, symbol text DEFAULT NULL
) RETURNS SETOF open_interest_gap LANGUAGE sql STABLE AS $function$
    SELECT g.venue, g.symbol, g.started_at, g.ended_at,
        coalesce(g.ended_at, least(now(), open_interest_gaps."to")) - g.started_at,
        g.missed, g.cause
    FROM (
        SELECT c.venue, c.symbol, min(c.started_at) AS started_at,
            CASE WHEN bool_and(c.ended_at IS NOT NULL) THEN max(c.ended_at) END AS ended_at,
            sum(c.missed)::bigint AS missed,
            string_agg(
                format('%s (%s %s)', c.lost, c.outcome, c.missed), ', '
                ORDER BY c.missed DESC, c.lost, c.outcome
            ) AS cause
        FROM (
            SELECT n.venue, n.symbol, n.stretch, n.lost, n.outcome, min(n.tick) AS started_at,
                CASE WHEN bool_and(n.next_tick IS NOT NULL) THEN max(n.next_tick) END AS ended_at,
                count(*) AS missed
            FROM (
                SELECT t.venue, t.symbol, t.tick, t.next_tick, t.lost, t.outcome,
                    t.tick_number - row_number() OVER (
                        PARTITION BY t.venue, t.symbol ORDER BY t.tick
                    ) AS stretch
                FROM open_interest_ticks(
                    open_interest_gaps.venue, open_interest_gaps.symbol,
                    open_interest_gaps."from", open_interest_gaps."to"
                ) AS t
                WHERE t.lost <> 'repeated'
            ) AS n
            GROUP BY n.venue, n.symbol, n.stretch, n.lost, n.outcome
        ) AS c
        GROUP BY c.venue, c.symbol, c.stretch
    ) AS g
$function$;
COMMENT ON FUNCTION open_interest_gaps(timestamptz, timestamptz, text, text) IS
    'Stretches of ticks, from "from" to before "to", at which a listed instrument was due and no snapshot '
    'of it came: one missed tick is two intervals from snapshot to snapshot. Without a venue or a symbol: '
    'all. A stretch that begins before "from" is shown from there.';

-- The views of 0008 and two columns more. The table is joined by its key, so that PostgreSQL leaves the
-- join out where neither column is asked for.
CREATE OR REPLACE VIEW open_interest_5m AS
SELECT s.venue, s.symbol, r.bucket, r.open, r.high, r.low, r.close,
    r.total / nullif(r.amounts, 0) AS average, r.snapshots, r.first_ts, r.last_ts,
    r.close_contracts, r.close_quote, r.close_long_base, r.close_short_base,
    k.expected::bigint AS expected, least(1, round(r.snapshots::numeric / k.expected, 4)) AS coverage
FROM collector_storage.rollup_5m AS r JOIN collector_storage.series AS s USING (series_id)
LEFT JOIN collector_storage.ticks AS k
    ON k.width = INTERVAL '5 minutes' AND k.venue = s.venue AND k.bucket = r.bucket;

CREATE OR REPLACE VIEW open_interest_1h AS
SELECT s.venue, s.symbol, r.bucket, r.open, r.high, r.low, r.close,
    r.total / nullif(r.amounts, 0) AS average, r.snapshots, r.first_ts, r.last_ts,
    r.close_contracts, r.close_quote, r.close_long_base, r.close_short_base,
    k.expected::bigint AS expected, least(1, round(r.snapshots::numeric / k.expected, 4)) AS coverage
FROM collector_storage.rollup_1h AS r JOIN collector_storage.series AS s USING (series_id)
LEFT JOIN collector_storage.ticks AS k
    ON k.width = INTERVAL '1 hour' AND k.venue = s.venue AND k.bucket = r.bucket;

CREATE OR REPLACE VIEW open_interest_1d AS
SELECT s.venue, s.symbol, r.bucket, r.open, r.high, r.low, r.close,
    r.total / nullif(r.amounts, 0) AS average, r.snapshots, r.first_ts, r.last_ts,
    r.close_contracts, r.close_quote, r.close_long_base, r.close_short_base,
    k.expected::bigint AS expected, least(1, round(r.snapshots::numeric / k.expected, 4)) AS coverage
FROM collector_storage.rollup_1d AS r JOIN collector_storage.series AS s USING (series_id)
LEFT JOIN collector_storage.ticks AS k
    ON k.width = INTERVAL '1 day' AND k.venue = s.venue AND k.bucket = r.bucket;

DO $block$
DECLARE
    width text;
BEGIN
    FOREACH width IN ARRAY ARRAY['5m', '1h', '1d'] LOOP
        EXECUTE format('COMMENT ON COLUMN open_interest_%s.expected IS %L', width,
            'Ticks of the venue in the bucket, up to its newest poll: the number of snapshots that '
            'were to be had of an instrument listed all the time. Null: none is known.');
        EXECUTE format('COMMENT ON COLUMN open_interest_%s.coverage IS %L', width,
            'snapshots in proportion to expected, at most 1; null where expected is. Snapshots are '
            'put into buckets by exchange_ts and ticks by our clock, which differs by one or two at '
            'the edges; open_interest_coverage() is exact.');
    END LOOP;
END
$block$;

-- The list as it is, and two more.
DO $block$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION collector_writer_rights()'
        ' RETURNS TABLE (relation text, rights text) LANGUAGE sql STABLE AS %L',
        (
            SELECT 'VALUES ' || string_agg(format('(%L, %L)', relation, rights), ', ')
            FROM (
                SELECT * FROM collector_writer_rights()
                UNION ALL
                VALUES
                    ('collector_storage.silences', 'SELECT INSERT DELETE'),
                    ('collector_storage.ticks', 'SELECT INSERT DELETE')
            ) AS all_rights (relation, rights)
        )
    );
END
$block$;
