-- Rows that were not believed, kept for inspection. A hypertable, so that old ones can be dropped.

CREATE TABLE rejects (
    venue text NOT NULL,
    received_at timestamptz NOT NULL,
    polled_at timestamptz,
    symbol text,
    reason text NOT NULL,
    raw text NOT NULL
);

SELECT create_hypertable('rejects', by_range('received_at', INTERVAL '7 days'));

COMMENT ON TABLE rejects IS 'Rows that were set aside, each with its reason.';
COMMENT ON COLUMN rejects.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN rejects.received_at IS 'Our clock, when the reply had been read.';
COMMENT ON COLUMN rejects.polled_at IS 'The tick, as in polls; null for a row of a list of instruments.';
COMMENT ON COLUMN rejects.symbol IS 'The instrument, if the row says so; null otherwise.';
COMMENT ON COLUMN rejects.reason IS 'Why it was not stored: the field, and what is wrong with it.';
COMMENT ON COLUMN rejects.raw IS 'The row as the venue sent it, as JSON, cut at 2,000 characters.';
