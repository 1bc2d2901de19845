-- However long nobody polled: between two polls of a venue every tick is missing, since it was not
-- polled, whatever the reason. Seven days were the bound before, so an outage of eight looked like
-- none. A year is the bound now, for the sake of whoever has to count the ticks, and a month where
-- the newest poll is the last one: a venue that was given up is not missed for ever.

DO $block$
DECLARE
    old text := pg_get_functiondef(
        'collector_storage.count_ticks(text[], timestamptz[])'::regprocedure
    );
    new text := replace(
        replace(old, 'there - here <= INTERVAL ''7 days''', 'there - here <= INTERVAL ''366 days'''),
        'After more than a week it was not down but switched off',
        'After more than a year it is not counted any more'
    );
BEGIN
    IF new = old OR position('7 days' IN new) > 0 THEN
        RAISE EXCEPTION 'count_ticks is not what 0010 made it';
    END IF;
    EXECUTE new;
END
$block$;

CREATE OR REPLACE VIEW venue_ticks AS
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
WHERE s.until IS NOT NULL OR now() - s.since <= INTERVAL '31 days';

COMMENT ON VIEW venue_ticks IS
    'Every moment at which a venue was to be polled, with what became of it: the rows of polls, and '
    'a row with the outcome missing where polls has none: the collector was down, or was not told to '
    'poll this venue. After 31 days without a poll a venue counts as given up since its last one, '
    'until it is polled again; a gap of more than 366 days is not counted.';

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
    FROM collector_storage.silences AS s CROSS JOIN LATERAL generate_series(
        s.since + s.poll_interval, now() - greatest(3 * s.poll_interval, INTERVAL '1 minute'),
        s.poll_interval
    ) AS missed
    WHERE s.until IS NULL AND now() - s.since <= INTERVAL '31 days'
) AS counted
GROUP BY venue, hour;

COMMENT ON COLUMN venue_coverage.missing IS
    'Ticks without any record: the collector was down, or was not told to poll this venue; see '
    'venue_ticks.';

SELECT collector_storage.count_ticks(array_agg(venue), array_agg(polled_at))
FROM (
    SELECT venue, min(polled_at) AS polled_at FROM polls GROUP BY venue
    UNION ALL
    SELECT venue, max(polled_at) FROM polls GROUP BY venue
) AS bounds;
