-- How far each journal has been written: the sink moves the mark in the transaction that writes the
-- rows. A record that is offered again after a crash is then known, so that the counters in polls
-- and the rows in rejects, which have no key of their own, are written once as well.

CREATE TABLE journal_marks (
    session uuid PRIMARY KEY,
    seq bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON TABLE journal_marks IS 'How far each journal has been written. For the collector itself.';
COMMENT ON COLUMN journal_marks.session IS 'One opening of a journal by a collector.';
COMMENT ON COLUMN journal_marks.seq IS 'The highest record of that session that has been written.';
COMMENT ON COLUMN journal_marks.updated_at IS 'Our clock, when the mark was last moved.';
