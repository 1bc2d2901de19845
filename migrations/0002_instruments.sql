-- What the venues list: the meaning of a symbol, and whether its venue still has it.

CREATE TABLE instruments (
    venue text NOT NULL,
    symbol text NOT NULL,
    base text NOT NULL,
    quote text NOT NULL,
    settle text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('perpetual', 'future')),
    contract_size numeric CHECK (contract_size > 0 AND contract_size < 'Infinity'),
    expires_at timestamptz,
    sides text NOT NULL CHECK (sides IN ('one', 'both', 'unknown')),
    product_type text,
    active boolean NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (venue, symbol)
);

COMMENT ON TABLE instruments IS 'Every instrument that a venue has listed since collection began.';
COMMENT ON COLUMN instruments.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN instruments.symbol IS 'The venue''s own id, as in open_interest.';
COMMENT ON COLUMN instruments.base IS 'The asset that the contract is about.';
COMMENT ON COLUMN instruments.quote IS 'The currency that its price is in.';
COMMENT ON COLUMN instruments.settle IS 'The currency that profit and loss are paid in.';
COMMENT ON COLUMN instruments.kind IS 'perpetual, or future: a contract that expires.';
COMMENT ON COLUMN instruments.contract_size IS
    'Base asset per contract; null where the venue does not say it usably.';
COMMENT ON COLUMN instruments.expires_at IS 'When a future is delivered; null for a perpetual.';
COMMENT ON COLUMN instruments.sides IS
    'Does the venue count a matched long and short once (one) or twice (both)?';
COMMENT ON COLUMN instruments.product_type IS
    'The venue''s own division of its instruments; null where it has none.';
COMMENT ON COLUMN instruments.active IS
    'Whether the venue was expected to report open interest when it was last asked.';
COMMENT ON COLUMN instruments.first_seen_at IS 'Our clock, when the venue first listed it.';
COMMENT ON COLUMN instruments.last_seen_at IS 'Our clock, when the venue last listed it.';
