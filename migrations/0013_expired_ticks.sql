-- Counted ticks are kept as long as the rollups that show them, and silences as long as polls: without
-- the polls around it, a silence would make a day look as if nothing had been polled but that.

CREATE FUNCTION collector_storage.drop_expired_ticks() RETURNS TABLE (relation text, dropped text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '2s' AS $function$
DECLARE
    state collector_storage.rollup_state;
    deleted bigint;
BEGIN
    SELECT * INTO STRICT state FROM collector_storage.rollup_state;
    -- By the index, once a minute: the table has a row for each five minutes.
    DELETE FROM collector_storage.ticks AS k
    USING (VALUES (INTERVAL '5 minutes'), (INTERVAL '1 hour'), (INTERVAL '1 day')) AS w (width),
        (SELECT DISTINCT venue FROM collector_storage.silences) AS v
    WHERE k.width = w.width AND k.venue = v.venue AND k.bucket < now() - state.keep_rollups_for;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    IF deleted > 0 THEN
        relation := 'ticks';
        dropped := format('%s rows', deleted);
        RETURN NEXT;
    END IF;
    DELETE FROM collector_storage.silences WHERE until < now() - state.keep_for;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    IF deleted > 0 THEN
        relation := 'silences';
        dropped := format('%s rows', deleted);
        RETURN NEXT;
    END IF;
END
$function$;
COMMENT ON FUNCTION collector_storage.drop_expired_ticks() IS
    'Drops ticks and silences that are older than the settings say.';
