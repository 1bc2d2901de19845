-- The newest poll of a venue stays, however old it is: after an outage that was longer than keep_for the
-- ticks since then are counted from it. And a pause goes before the poll that ended it.

DO $block$
DECLARE
    old text;
    new text;
    edit record;
BEGIN
    FOR edit IN VALUES
        (
            'collector_storage.drop_expired()',
            'SELECT venue, polled_at FROM polls WHERE polled_at < now() - state.keep_for
',
            'SELECT p.venue, p.polled_at FROM polls AS p
            WHERE p.polled_at < now() - state.keep_for AND EXISTS (
                SELECT FROM polls AS n WHERE n.venue = p.venue AND n.polled_at > p.polled_at
            )
'
        ),
        (
            'collector_storage.drop_expired_ticks()',
            'DELETE FROM collector_storage.silences WHERE until < now() - state.keep_for;
',
            'DELETE FROM collector_storage.pauses AS p
    WHERE since < now() - state.keep_for AND EXISTS (
        SELECT FROM polls AS n WHERE n.venue = p.venue AND n.polled_at > p.since
    );
    DELETE FROM collector_storage.silences WHERE until < now() - state.keep_for;
'
        )
    LOOP
        old := pg_get_functiondef(edit.column1::regprocedure);
        new := replace(old, edit.column2, edit.column3);
        IF new = old THEN
            RAISE EXCEPTION '% is not what 0008 and 0013 made it', edit.column1;
        END IF;
        EXECUTE new;
    END LOOP;
END
$block$;
