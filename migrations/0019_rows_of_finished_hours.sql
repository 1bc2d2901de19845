-- Two races by which a snapshot could be missing in a rollup or be twice in it; Apache edition.
--
-- finish_hour() looked for the oldest chunk before it had the lock: a transaction that held it could
-- make an older chunk meanwhile, whose hours were then passed over as if they had been finished.
-- And a reconciliation that waited for chunks to be dropped put raw_from back to what it had been.

DO $block$
DECLARE
    old text;
    new text;
    edit record;
BEGIN
    FOR edit IN VALUES
        (
            'collector_storage.finish_hour(timestamptz)',
            '    LOCK TABLE ONLY collector_storage.open_interest IN SHARE MODE;
',
            '    LOCK TABLE ONLY collector_storage.open_interest IN SHARE MODE;
    -- Again: whoever had the lock may have stored something older.
    SELECT min(range_start) INTO first_chunk FROM timescaledb_information.chunks
    WHERE (hypertable_schema, hypertable_name) = (''collector_storage'', ''open_interest'')
        AND range_end > since;
    start := date_trunc(''hour'', greatest(since, first_chunk), ''UTC'');
    stop := start + INTERVAL ''1 hour'';
'
        ),
        (
            'collector_reconcile_policies(text, interval, interval, interval, boolean)',
            'raw_from = state.raw_from,',
            'raw_from = greatest(s.raw_from, state.raw_from),'
        )
    LOOP
        old := pg_get_functiondef(edit.column1::regprocedure);
        new := replace(old, edit.column2, edit.column3);
        IF new = old THEN
            RAISE EXCEPTION '% is not what 0008 made it', edit.column1;
        END IF;
        EXECUTE new;
    END LOOP;
END
$block$;
