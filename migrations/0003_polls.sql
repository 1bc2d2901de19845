-- One row per venue and tick, whatever happened: it tells "unchanged", "not polled" and "failed"
-- apart. The counters of a row are added up as the rows of its poll are stored, in the same
-- transaction, so they are right at any moment:
--     rows_fetched = rows_stored + rows_duplicate + rows_rejected

CREATE TABLE polls (
    venue text NOT NULL,
    polled_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text NOT NULL CHECK (outcome IN (
        'running', 'ok', 'empty', 'partial', 'failed', 'skipped', 'refused', 'interrupted'
    )),
    instruments integer NOT NULL,
    requests integer NOT NULL,
    rows_fetched integer NOT NULL,
    rows_stored integer NOT NULL,
    rows_duplicate integer NOT NULL,
    rows_rejected integer NOT NULL,
    rows_unlisted integer NOT NULL,
    error text,
    PRIMARY KEY (venue, polled_at),
    CONSTRAINT counters_add_up CHECK (rows_fetched = rows_stored + rows_duplicate + rows_rejected)
);

CREATE INDEX polls_polled_at ON polls (polled_at);

COMMENT ON TABLE polls IS 'What became of every poll: one row per venue and tick.';
COMMENT ON COLUMN polls.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN polls.polled_at IS 'Our clock, the tick, as in open_interest.';
COMMENT ON COLUMN polls.started_at IS 'Our clock, when the poll really started.';
COMMENT ON COLUMN polls.finished_at IS 'Our clock, when it ended; null while it runs or if it never did.';
COMMENT ON COLUMN polls.outcome IS
    'running; ok: every request brought a documented reply; empty: answered, without a row; '
    'partial: some requests brought none; failed: none did; skipped: the poll before still ran; '
    'refused: the journal was full; interrupted: the collector ended in the middle.';
COMMENT ON COLUMN polls.instruments IS 'How many instruments the poll was to report.';
COMMENT ON COLUMN polls.requests IS 'How many requests were sent, repeated ones included.';
COMMENT ON COLUMN polls.rows_fetched IS 'Rows in the replies, of listed and selected instruments.';
COMMENT ON COLUMN polls.rows_stored IS 'Rows of those that are new in open_interest.';
COMMENT ON COLUMN polls.rows_duplicate IS 'Rows that open_interest already had, equal in every amount.';
COMMENT ON COLUMN polls.rows_rejected IS 'Rows that were set aside in rejects.';
COMMENT ON COLUMN polls.rows_unlisted IS
    'Rows of instruments that the venue no longer lists: left out, and not among rows_fetched.';
COMMENT ON COLUMN polls.error IS 'What went wrong, in a sentence; null if nothing did.';
