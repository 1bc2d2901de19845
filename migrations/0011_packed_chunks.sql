-- Smaller indexes on the Apache edition, which has no columnstore: 28 bytes a row where it was 64.
--
-- Snapshots come instrument by instrument, each into a page of its own in the middle of the index,
-- which PostgreSQL splits in halves when it is full: the first half stays half empty for ever. Once
-- a chunk is over, its index is built anew, with full pages; and the other one, which is for the
-- newest rows of all, is dropped from it.

CREATE TABLE collector_storage.packed_chunks (
    chunk text PRIMARY KEY,
    packed_at timestamptz NOT NULL
);
COMMENT ON TABLE collector_storage.packed_chunks IS
    'Chunks of open_interest whose index was built anew after their end; Apache edition only.';
COMMENT ON COLUMN collector_storage.packed_chunks.chunk IS 'Schema and name.';
COMMENT ON COLUMN collector_storage.packed_chunks.packed_at IS 'When that was.';

CREATE FUNCTION collector_storage.pack_chunk(settled interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '2s' SET maintenance_work_mem = '256MB' AS $function$
DECLARE
    old text;
    index regclass;
    dispensable regclass;
BEGIN
    IF current_setting('timescaledb.license') <> 'apache' THEN
        RETURN NULL;
    END IF;
    DELETE FROM collector_storage.packed_chunks WHERE to_regclass(chunk) IS NULL;
    SELECT format('%I.%I', chunk_schema, chunk_name) INTO old FROM timescaledb_information.chunks
    WHERE (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest')
        AND range_end < now() - settled
        AND format('%I.%I', chunk_schema, chunk_name) NOT IN (
            SELECT chunk FROM collector_storage.packed_chunks
        )
    ORDER BY range_end DESC LIMIT 1;
    IF old IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT indexrelid::regclass INTO STRICT index FROM pg_index
    WHERE indrelid = old::regclass AND indisprimary;
    FOR dispensable IN
        SELECT i.oid::regclass FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid
        WHERE indrelid = old::regclass AND relname LIKE '%\_open\_interest\_newest'
    LOOP
        EXECUTE format('DROP INDEX %s', dispensable);
    END LOOP;
    EXECUTE format('ALTER INDEX %s SET (fillfactor = 100)', index);
    EXECUTE format('REINDEX INDEX %s', index);
    INSERT INTO collector_storage.packed_chunks VALUES (old, now());
    RETURN old;
END
$function$;
COMMENT ON FUNCTION collector_storage.pack_chunk(interval) IS
    'Builds the index of one chunk anew that ended so long ago; returns which, null if there is none. '
    'Some seconds a week, in which that chunk can be neither read nor written.';
