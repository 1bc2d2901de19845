-- Polls and lists from a time when our clock was ahead: until that time has come nothing is missing up to
-- them, and no list is newer. And a day between two ticks is 24 hours, whatever the reader's time zone.

DO $block$
DECLARE
    old text := pg_get_functiondef(
        'collector_storage.count_ticks(text[], timestamptz[])'::regprocedure
    );
    new text := old;
    edit record;
BEGIN
    FOR edit IN VALUES
        -- A silence that nothing has ended yet begins before, whatever is known of its poll.
        (
            '), touched.first);',
            '), touched.first);
        low := least(low, (
            SELECT min(s.since) FROM collector_storage.silences AS s
            WHERE s.venue = touched.venue AND s.until IS NULL AND s.since < touched.first
        ));'
        ),
        (
            'p.polled_at > touched.last',
            'p.polled_at > touched.last
                AND p.polled_at < now() + INTERVAL ''1 minute'''
        ),
        (
            'p.polled_at BETWEEN low AND high',
            'p.polled_at BETWEEN low AND high
                AND p.polled_at < now() + INTERVAL ''1 minute'''
        )
    LOOP
        IF position(edit.column1 IN new) = 0 THEN
            RAISE EXCEPTION 'count_ticks is not what 0010 and 0017 made it';
        END IF;
        new := replace(new, edit.column1, edit.column2);
    END LOOP;
    EXECUTE new;
END
$block$;

CREATE OR REPLACE VIEW venue_ticks AS
SELECT venue, polled_at AS tick, outcome, poll_interval, instruments, rows_fetched, rows_stored,
    rows_duplicate, rows_rejected, error
FROM polls
UNION ALL
SELECT s.venue, missed, 'missing', s.poll_interval, 0, 0, 0, 0, 0, NULL
FROM collector_storage.silences AS s
CROSS JOIN LATERAL (SELECT make_interval(secs => extract(epoch FROM s.poll_interval)) AS step) AS i
CROSS JOIN LATERAL generate_series(
    s.since + step,
    coalesce(s.until - INTERVAL '1 microsecond', now() - greatest(3 * step, INTERVAL '1 minute')),
    step
) AS missed
WHERE s.until IS NOT NULL OR now() - s.since <= INTERVAL '31 days';

CREATE OR REPLACE VIEW venue_coverage AS
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
    FROM collector_storage.silences AS s
    CROSS JOIN LATERAL (SELECT make_interval(secs => extract(epoch FROM s.poll_interval)) AS step) AS i
    CROSS JOIN LATERAL generate_series(
        s.since + step, now() - greatest(3 * step, INTERVAL '1 minute'), step
    ) AS missed
    WHERE s.until IS NULL AND now() - s.since <= INTERVAL '31 days'
) AS counted
GROUP BY venue, hour;

DO $block$
DECLARE
    old text := pg_get_viewdef('instrument_spans'::regclass);
    new text := replace(
        old,
        'max(instruments.last_seen_at) AS listed_at',
        'max(instruments.last_seen_at) FILTER (
                WHERE instruments.last_seen_at < now() + INTERVAL ''1 minute''
            ) AS listed_at'
    );
BEGIN
    IF new = old THEN
        RAISE EXCEPTION 'instrument_spans is not what 0010 and 0018 made it';
    END IF;
    EXECUTE 'CREATE OR REPLACE VIEW instrument_spans AS ' || new;
END
$block$;
