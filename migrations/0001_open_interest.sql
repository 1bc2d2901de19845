-- The snapshots: one row per instrument and venue timestamp, as the venue gave it.
--
-- The key is (venue, symbol, exchange_ts): what an analyst filters by, and what makes writing the
-- same snapshot twice harmless. It is the only unique constraint and no part of it can be null.

CREATE EXTENSION IF NOT EXISTS timescaledb;

CREATE TABLE open_interest (
    venue text NOT NULL,
    symbol text NOT NULL,
    exchange_ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    polled_at timestamptz NOT NULL,
    open_interest_base numeric,
    open_interest_contracts numeric,
    open_interest_quote numeric,
    long_base numeric,
    short_base numeric,
    PRIMARY KEY (venue, symbol, exchange_ts),
    CONSTRAINT some_amount_is_known CHECK (
        num_nonnulls(open_interest_base, open_interest_contracts, open_interest_quote) > 0
    ),
    -- numeric can hold NaN and Infinity, and both are greater than any number.
    CONSTRAINT amounts_are_finite CHECK (
        open_interest_base >= 0 AND open_interest_base < 'Infinity'
        AND open_interest_contracts >= 0 AND open_interest_contracts < 'Infinity'
        AND open_interest_quote >= 0 AND open_interest_quote < 'Infinity'
        AND long_base >= 0 AND long_base < 'Infinity'
        AND short_base >= 0 AND short_base < 'Infinity'
    )
);

SELECT create_hypertable('open_interest', by_range('exchange_ts', INTERVAL '1 day'));

COMMENT ON TABLE open_interest IS
    'Open interest as each venue reports it: one row per instrument and venue timestamp. '
    'Units are in the column names; nothing is converted or estimated.';
COMMENT ON COLUMN open_interest.venue IS 'Venue: bitget, htx, synthetix, ...';
COMMENT ON COLUMN open_interest.symbol IS
    'The venue''s own id of the instrument, as its API takes it: BTCUSDT, BTC-USDT, BTC-USDT-211231.';
COMMENT ON COLUMN open_interest.exchange_ts IS
    'The venue''s own clock, to the millisecond. What it stands for differs by venue: see docs/venues/.';
COMMENT ON COLUMN open_interest.received_at IS 'Our clock, when the reply had been read.';
COMMENT ON COLUMN open_interest.polled_at IS
    'Our clock, the tick that the poll belongs to: the same for all rows of a sweep and, at equal '
    'intervals, for all venues.';
COMMENT ON COLUMN open_interest.open_interest_base IS
    'Open interest in the base asset (BTC of BTC-USDT); null where the venue does not give it.';
COMMENT ON COLUMN open_interest.open_interest_contracts IS
    'Open interest in contracts; null where the venue does not give it.';
COMMENT ON COLUMN open_interest.open_interest_quote IS
    'Open interest in the quote or settlement currency; null where the venue does not give it.';
COMMENT ON COLUMN open_interest.long_base IS
    'Open long positions in the base asset; null where the venue does not give them.';
COMMENT ON COLUMN open_interest.short_base IS
    'Open short positions in the base asset; null where the venue does not give them.';
