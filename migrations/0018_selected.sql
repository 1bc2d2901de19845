-- An instrument that config.yaml leaves out any more was "left out" by its venue, for ever. It is not to
-- be reported, like one that is not active.

ALTER TABLE instruments ADD COLUMN selected boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN instruments.selected IS
    'Whether config.yaml asked for it (venues.<venue>.include and exclude) when its venue was last asked '
    'for its instruments.';

DO $block$
DECLARE
    old text := pg_get_viewdef('instrument_spans'::regclass);
    new text := replace(old, 'WHEN (NOT i.active)', 'WHEN (NOT i.active OR NOT i.selected)');
BEGIN
    IF new = old THEN
        RAISE EXCEPTION 'instrument_spans is not what 0010 made it';
    END IF;
    EXECUTE 'CREATE OR REPLACE VIEW instrument_spans AS ' || new;
END
$block$;
COMMENT ON COLUMN instrument_spans.listed_until IS
    'When it expired, or was last on the venue''s list if it is off the newest one, or had its last '
    'snapshot if it is listed but not active or not selected; null if it is to be reported now.';
