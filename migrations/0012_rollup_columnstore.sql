-- The columnstore for rollups, on Community: five minutes take 198 bytes a row without it, which is
-- 40 for each snapshot, where the snapshot itself takes 12. Days stay as they are: they are few.
--
-- A late row is refreshed into a compressed chunk, and the policy compresses what that has loosened: an
-- aggregate may be refreshed and compressed in the same range since 2.19 (timescale/timescaledb#7656).

CREATE FUNCTION collector_storage.compressible_rollups() RETURNS TABLE (
    name text, hypertable text, chunks interval, enabled boolean
) LANGUAGE sql STABLE AS $function$
    SELECT format('collector_storage.%I', view_name),
        format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name),
        CASE view_name WHEN 'aggregate_5m' THEN INTERVAL '7 days' ELSE INTERVAL '35 days' END,
        compression_enabled
    FROM timescaledb_information.continuous_aggregates
    WHERE view_schema = 'collector_storage' AND view_name IN ('aggregate_5m', 'aggregate_1h')
$function$;
COMMENT ON FUNCTION collector_storage.compressible_rollups() IS
    'Continuous aggregates that go to the columnstore, with the length of their chunks; on Community.';

-- Before the aggregates are filled: an aggregate's chunks are ten times as long as those of its
-- table, and a chunk is compressed when it is over.
CREATE FUNCTION collector_enable_columnstore(compress_after interval, apply boolean)
RETURNS SETOF text LANGUAGE plpgsql AS $function$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT * FROM collector_storage.compressible_rollups()
        WHERE compress_after IS NOT NULL AND NOT enabled ORDER BY name DESC
    LOOP
        RETURN NEXT format('%s: columnstore, by series_id, in chunks of %s', item.name, item.chunks);
        CONTINUE WHEN NOT apply;
        EXECUTE format(
            'ALTER MATERIALIZED VIEW %s SET (timescaledb.compress,'
            ' timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)',
            item.name, 'series_id', 'bucket'
        );
        PERFORM set_chunk_time_interval(item.hypertable::regclass, item.chunks);
    END LOOP;
END
$function$;
REVOKE ALL ON FUNCTION collector_enable_columnstore(interval, boolean) FROM PUBLIC;
COMMENT ON FUNCTION collector_enable_columnstore(interval, boolean) IS
    'Prepares the rollups for the columnstore, or only says what would change. For the collector '
    'itself; null: never.';

-- After the policies that refresh the aggregates: the server wants those first.
CREATE FUNCTION collector_reconcile_columnstore(compress_after interval, apply boolean)
RETURNS SETOF text LANGUAGE plpgsql AS $function$
DECLARE
    item record;
    old interval;
BEGIN
    FOR item IN SELECT * FROM collector_storage.compressible_rollups() ORDER BY name DESC LOOP
        SELECT (config ->> 'compress_after')::interval INTO old FROM timescaledb_information.jobs
        WHERE proc_name = 'policy_compression'
            -- A version names a policy's aggregate, another its table.
            AND format('%I.%I', hypertable_schema, hypertable_name) IN (item.name, item.hypertable);
        CONTINUE WHEN old IS NOT DISTINCT FROM compress_after;
        IF old IS NOT NULL THEN
            RETURN NEXT format('%s: no compression policy any more (was %s)', item.name, old);
            IF apply THEN
                PERFORM remove_compression_policy(item.name::regclass);
            END IF;
        END IF;
        CONTINUE WHEN compress_after IS NULL;
        RETURN NEXT format('%s: compression policy, %s', item.name, compress_after);
        IF apply THEN
            PERFORM add_compression_policy(item.name::regclass, compress_after);
        END IF;
    END LOOP;
END
$function$;
REVOKE ALL ON FUNCTION collector_reconcile_columnstore(interval, boolean) FROM PUBLIC;
COMMENT ON FUNCTION collector_reconcile_columnstore(interval, boolean) IS
    'Brings the policies that compress rollups to what the settings say, or only says what would '
    'change. For the collector itself; null: never.';
