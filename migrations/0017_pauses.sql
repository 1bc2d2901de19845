-- A venue that config.yaml has switched off is not missed: from the start of the collector that was told
-- so until its next poll nothing is due.

CREATE TABLE collector_storage.pauses (
    venue text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (venue, since)
);
COMMENT ON TABLE collector_storage.pauses IS
    'When a collector that used to poll a venue was started with this venue switched off.';
COMMENT ON COLUMN collector_storage.pauses.venue IS 'Venue, as in polls.';
COMMENT ON COLUMN collector_storage.pauses.since IS 'Our clock, when the collector was started.';

CREATE VIEW venue_pauses AS
SELECT p.venue, p.since,
    (SELECT min(l.polled_at) FROM polls AS l WHERE l.venue = p.venue AND l.polled_at > p.since) AS until
FROM collector_storage.pauses AS p;
COMMENT ON VIEW venue_pauses IS
    'For how long config.yaml had a venue switched off that was polled before: nothing is expected of '
    'it then, and nothing missing.';
COMMENT ON COLUMN venue_pauses.venue IS 'Venue, as in polls.';
COMMENT ON COLUMN venue_pauses.since IS 'Our clock, when the collector was started without it.';
COMMENT ON COLUMN venue_pauses.until IS 'Tick of the next poll; null: it is switched off now.';

DO $block$
DECLARE
    old text;
    new text;
    edit record;
BEGIN
    FOR edit IN VALUES
        (
            'collector_storage.count_ticks(text[], timestamptz[])',
            '), touched.last);',
            '), (
            SELECT min(s.since) FROM collector_storage.pauses AS s
            WHERE s.venue = touched.venue AND s.since > touched.last
        ), touched.last);'
        ),
        (
            'collector_storage.count_ticks(text[], timestamptz[])',
            'SELECT touched.venue, here, there, every',
            'SELECT touched.venue, here, stop, every'
        ),
        (
            'collector_storage.count_ticks(text[], timestamptz[])',
            ') AS pairs
',
            ') AS pairs
        CROSS JOIN LATERAL (
            SELECT least(there, min(s.since)) AS stop FROM collector_storage.pauses AS s
            WHERE s.venue = touched.venue AND s.since > here
        ) AS ends
'
        ),
        (
            'collector_storage.count_ticks(text[], timestamptz[])',
            'AND (there IS NULL OR (here + every < there AND there - here <= INTERVAL ''366 days''))',
            'AND (stop IS NULL OR (here + every < stop AND stop - here <= INTERVAL ''366 days''))'
        ),
        (
            'open_interest_ticks(text, text, timestamptz, timestamptz)',
            'FROM venue_ticks AS k
',
            'FROM venue_ticks AS k
        CROSS JOIN LATERAL (
            SELECT min(s.since) FILTER (WHERE s.since > k.tick) AS next,
                count(*) FILTER (WHERE s.since <= k.tick) AS before
            FROM venue_pauses AS s WHERE s.venue = k.venue
        ) AS off
'
        ),
        (
            'open_interest_ticks(text, text, timestamptz, timestamptz)',
            'lead(k.tick) OVER following AS next_tick,
            row_number() OVER following AS tick_number,',
            'least(lead(k.tick) OVER following, off.next) AS next_tick,
            row_number() OVER following + off.before AS tick_number,'
        )
    LOOP
        old := pg_get_functiondef(edit.column1::regprocedure);
        new := replace(old, edit.column2, edit.column3);
        IF new = old THEN
            RAISE EXCEPTION '% is not what 0010 and 0014 made it', edit.column1;
        END IF;
        EXECUTE new;
    END LOOP;
END
$block$;

COMMENT ON COLUMN collector_storage.silences.until IS
    'Tick of the poll after, or when the venue was switched off before that; null: neither yet.';
COMMENT ON COLUMN open_interest_tick.next_tick IS
    'The venue''s next tick, or when it was switched off before that; null after the last one.';
COMMENT ON COLUMN open_interest_tick.tick_number IS
    'The venue''s ticks, counted from 1; each time that it was switched off counts as one.';
COMMENT ON COLUMN open_interest_gap.ended_at IS
    'The first tick that has a snapshot again, or at which none is due any more, or when the venue was '
    'switched off; null: not ended yet.';
COMMENT ON COLUMN venue_coverage.missing IS
    'Ticks without any record, although the venue was not switched off (venue_pauses): the collector '
    'was down. See venue_ticks.';
COMMENT ON VIEW venue_ticks IS
    'Every moment at which a venue was to be polled, with what became of it: the rows of polls, and '
    'a row with the outcome missing where polls has none although the venue was not switched off, see '
    'venue_pauses: the collector was down. After 31 days without a poll a venue counts as given up '
    'since its last one, until it is polled again; a gap of more than 366 days is not counted.';

-- The list as it is, and one more.
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
                VALUES ('collector_storage.pauses', 'SELECT INSERT')
            ) AS all_rights (relation, rights)
        )
    );
END
$block$;
