-- Functions for analysts find their tables whatever search_path is: PostgreSQL 17 empties it while a
-- materialized view is filled. A body that is no text is bound to them when it is created.

DO $block$
DECLARE
    item text;
    old text;
    new text;
BEGIN
    FOREACH item IN ARRAY ARRAY[
        'top_movers(change_span, bigint, numeric)',
        'open_interest_ticks(text, text, timestamptz, timestamptz)',
        'open_interest_coverage(timestamptz, timestamptz, text, text)',
        'open_interest_gaps(timestamptz, timestamptz, text, text)'
    ] LOOP
        old := pg_get_functiondef(item::regprocedure);
        new := regexp_replace(
            regexp_replace(old, 'AS \$function\$\s', 'BEGIN ATOMIC '), '\$function\$\s*$', '; END'
        );
        IF new NOT LIKE '%BEGIN ATOMIC%; END' THEN
            RAISE EXCEPTION '% is not what it was made', item;
        END IF;
        EXECUTE new;
    END LOOP;
END
$block$;

-- What runs with the owner's rights looks into public: nobody else may put anything there. In a database
-- that was made by PostgreSQL 14, or restored from it, everybody may. And nobody can have the chunk
-- packed that is being written.
DO $block$
DECLARE
    old text;
    new text;
    edit record;
BEGIN
    FOR edit IN VALUES
        (
            'collector_storage.pack_chunk(interval)',
            'range_end < now() - settled',
            'range_end < now() - greatest(settled, INTERVAL ''1 hour'')'
        ),
        (
            'collector_grant_rights()',
            '    -- A grant on a database or a schema of somebody else comes to nothing, with a warning at most.
',
            '    IF EXISTS (
        SELECT FROM pg_namespace, aclexplode(nspacl) WHERE oid = place AND grantee = 0
            AND privilege_type = ''CREATE''
    ) THEN
        EXECUTE format(''REVOKE CREATE ON SCHEMA %s FROM PUBLIC'', place);
        IF EXISTS (
            SELECT FROM pg_namespace, aclexplode(nspacl) WHERE oid = place AND grantee = 0
                AND privilege_type = ''CREATE''
        ) THEN
            problem := concat_ws(''; '', problem, format(
                ''everybody may create things in schema %s, which is no good where functions run with''
                '' the rights of %s: whoever owns it has to say REVOKE CREATE ON SCHEMA %s FROM PUBLIC'',
                place, owner, place
            ));
        END IF;
    END IF;

    -- A grant on a database or a schema of somebody else comes to nothing, with a warning at most.
'
        )
    LOOP
        old := pg_get_functiondef(edit.column1::regprocedure);
        new := replace(old, edit.column2, edit.column3);
        IF new = old THEN
            RAISE EXCEPTION '% is not what 0007 and 0011 made it', edit.column1;
        END IF;
        EXECUTE new;
    END LOOP;
END
$block$;
