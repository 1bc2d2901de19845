-- An instrument that comes back was not "left out" while it was away: what config.yaml did not select, and
-- what its venue did not list or not report, was not to be had. Of the present instrument_spans tells.

CREATE TABLE collector_storage.absences (
    venue text NOT NULL,
    symbol text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (venue, symbol, since)
);
COMMENT ON TABLE collector_storage.absences IS
    'When an instrument was not to be reported, of those that are again. Written with each list.';
COMMENT ON COLUMN collector_storage.absences.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN collector_storage.absences.symbol IS 'The venue''s own id, as in open_interest.';
COMMENT ON COLUMN collector_storage.absences.since IS
    'What listed_until was in instrument_spans; or before it was first seen, if it had no snapshot.';
COMMENT ON COLUMN collector_storage.absences.until IS 'Our clock, when it was listed again.';

CREATE VIEW instrument_absences AS
SELECT venue, symbol, since, until FROM collector_storage.absences;
COMMENT ON VIEW instrument_absences IS
    'When instruments were not to be reported in between: config.yaml did not select them, or their '
    'venue did not list them or listed them as not active. Ticks in there are not expected. An absence '
    'that has not ended is in instrument_spans.';
COMMENT ON COLUMN instrument_absences.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN instrument_absences.symbol IS 'The venue''s own id, as in open_interest.';
COMMENT ON COLUMN instrument_absences.since IS
    'When it was reported or listed last; before it was first seen, if it was never reported.';
COMMENT ON COLUMN instrument_absences.until IS 'Our clock, when it was listed again.';

DO $block$
DECLARE
    old text;
    new text;
    edit record;
BEGIN
    FOR edit IN VALUES
        (
            'open_interest_ticks(text, text, timestamptz, timestamptz)',
            ') AS r ON r.venue = i.venue AND r.symbol = i.symbol AND r.polled_at = t.tick
',
            ') AS r ON r.venue = i.venue AND r.symbol = i.symbol AND r.polled_at = t.tick
    LEFT JOIN (
        SELECT b.venue, b.symbol, range_agg(tstzrange(b.since, b.until, ''()'')) AS ranges
        FROM instrument_absences AS b GROUP BY b.venue, b.symbol
    ) AS away ON away.venue = i.venue AND away.symbol = i.symbol
'
        ),
        (
            'open_interest_ticks(text, text, timestamptz, timestamptz)',
            'OR t.tick >= i.listed_from AND t.tick <= coalesce(i.listed_until, ''infinity'')
',
            'OR t.tick >= i.listed_from AND t.tick <= coalesce(i.listed_until, ''infinity'')
                AND (away.ranges IS NULL OR NOT t.tick <@ away.ranges)
'
        ),
        (
            'collector_storage.drop_expired_ticks()',
            'DELETE FROM collector_storage.silences WHERE until < now() - state.keep_for;
',
            'DELETE FROM collector_storage.absences WHERE until < now() - state.keep_for;
    DELETE FROM collector_storage.silences WHERE until < now() - state.keep_for;
'
        )
    LOOP
        old := pg_get_functiondef(edit.column1::regprocedure);
        new := replace(old, edit.column2, edit.column3);
        IF new = old THEN
            RAISE EXCEPTION '% is not what it was made', edit.column1;
        END IF;
        EXECUTE new;
    END LOOP;
END
$block$;

COMMENT ON COLUMN open_interest_covered.expected IS
    'Ticks at which the instrument was listed, see instrument_spans and instrument_absences, or was '
    'reported nevertheless.';

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
                    ('collector_storage.absences', 'SELECT INSERT UPDATE'),
                    ('instrument_spans', 'SELECT')
            ) AS all_rights (relation, rights)
        )
    );
END
$block$;
