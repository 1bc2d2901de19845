-- Numbers that can be compared: one side, in one unit, with the rule beside it. The rule is applied
-- when a view is read, so a better one holds for old snapshots as well, and what was stored stays as
-- it was.

CREATE TABLE venues (
    venue text PRIMARY KEY,
    sides text NOT NULL CHECK (sides IN ('one', 'both', 'unknown')),
    factor numeric GENERATED ALWAYS AS (CASE sides WHEN 'one' THEN 1 WHEN 'both' THEN 0.5 END) STORED,
    basis text NOT NULL CHECK (basis IN ('documented', 'measured', 'assumed', 'configured')),
    reason text NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE venues IS
    'How each venue counts: the rule that turns its figures into one-sided ones. The collector keeps '
    'it as the venue''s module declares it, or as config.yaml sets it (venues.<venue>.sides).';
COMMENT ON COLUMN venues.venue IS 'Venue, as in open_interest.';
COMMENT ON COLUMN venues.sides IS
    'Does the venue count a matched long and short once (one) or twice (both)? Or is it unknown?';
COMMENT ON COLUMN venues.factor IS
    'What makes its figures one-sided: 1 for one, 0.5 for both, null for unknown.';
COMMENT ON COLUMN venues.basis IS
    'How that is known: documented by the venue, measured from its figures, assumed, or configured '
    'by the operator.';
COMMENT ON COLUMN venues.reason IS 'In a sentence, with the source.';
COMMENT ON COLUMN venues.updated_at IS 'Our clock, when the rule last changed.';

COMMENT ON COLUMN instruments.sides IS
    'What the venue''s module said of this instrument when it was last listed: one, both or unknown. '
    'The views go by venues.sides, which the operator can set.';

-- Some contracts are about many coins at a time: 1000BONK, 10000SATS. A name is taken apart if it is 1
-- and at least three zeros, and then two characters or more of which the first is no digit; and in
-- the one case of another spelling that is known. 1INCH, 1000X and 42 stay what they are.
ALTER TABLE instruments
    ADD COLUMN asset text NOT NULL GENERATED ALWAYS AS (CASE
        WHEN base = '1MBABYDOGE' THEN 'BABYDOGE'
        ELSE coalesce(substring(base FROM '^10{3,9}([^0-9].+)$'), base)
    END) STORED,
    ADD COLUMN units numeric NOT NULL GENERATED ALWAYS AS (CASE
        WHEN base = '1MBABYDOGE' THEN 1000000
        ELSE coalesce(substring(base FROM '^(10{3,9})[^0-9].+$')::numeric, 1)
    END) STORED;
CREATE INDEX instruments_asset ON instruments (asset);
COMMENT ON COLUMN instruments.asset IS
    'The asset itself, so that venues can be added up: BONK where base is 1000BONK.';
COMMENT ON COLUMN instruments.units IS
    'How many of the asset one of base is: 1000 for 1000BONK. The number in front counts if it is 1 '
    'and three zeros or more, with two characters or more after it (1MBABYDOGE too); otherwise 1.';

-- What it takes to compare, once for all views below. Null where the instrument has not been listed
-- yet, where the venue has no rule, or where the rule is unknown.
CREATE VIEW collector_storage.measure AS
SELECT s.series_id, s.venue, s.symbol, i.base, i.quote, i.settle, i.kind, i.expires_at, i.asset,
    i.units, i.active, v.sides, v.factor, v.basis AS sides_basis, v.reason AS sides_reason,
    i.units * v.factor AS of_base, i.contract_size * i.units * v.factor AS of_contract
FROM collector_storage.series AS s
LEFT JOIN instruments AS i ON i.venue = s.venue AND i.symbol = s.symbol
LEFT JOIN venues AS v ON v.venue = s.venue;
COMMENT ON VIEW collector_storage.measure IS 'What each series is about, and how it becomes comparable.';
COMMENT ON COLUMN collector_storage.measure.of_base IS 'The asset, one-sided, per base unit reported.';
COMMENT ON COLUMN collector_storage.measure.of_contract IS
    'The asset, one-sided, per contract reported.';

CREATE VIEW comparable_open_interest AS
SELECT m.venue, m.symbol, o.exchange_ts,
    o.polled_at + o.received_after_ms * INTERVAL '1 millisecond' AS received_at, o.polled_at,
    m.base, m.quote, m.settle, m.kind, m.expires_at, m.asset, m.units,
    coalesce(o.open_interest_base * m.of_base, o.open_interest_contracts * m.of_contract)
        AS open_interest,
    o.open_interest_quote * m.factor AS open_interest_quote,
    o.long_base * m.units AS long_open_interest, o.short_base * m.units AS short_open_interest,
    m.sides, m.factor, m.sides_basis, m.sides_reason,
    CASE
        WHEN o.open_interest_base * m.of_base IS NOT NULL THEN 'base'
        WHEN o.open_interest_contracts * m.of_contract IS NOT NULL THEN 'contracts'
    END AS converted_from
FROM collector_storage.open_interest AS o JOIN collector_storage.measure AS m USING (series_id);
COMMENT ON VIEW comparable_open_interest IS
    'Open interest that can be compared over venues: one row per snapshot, one-sided, in the asset '
    'itself, with the rule in the row. open_interest has what the venue said.';

CREATE VIEW latest_open_interest AS
SELECT m.venue, m.symbol, l.exchange_ts, now() - l.exchange_ts AS age,
    l.polled_at + l.received_after_ms * INTERVAL '1 millisecond' AS received_at,
    now() - (l.polled_at + l.received_after_ms * INTERVAL '1 millisecond') AS received_age,
    l.polled_at, m.base, m.quote, m.settle, m.kind, m.expires_at, m.active, m.asset, m.units,
    coalesce(l.open_interest_base * m.of_base, l.open_interest_contracts * m.of_contract)
        AS open_interest,
    l.open_interest_quote * m.factor AS open_interest_quote,
    l.long_base * m.units AS long_open_interest, l.short_base * m.units AS short_open_interest,
    m.sides, m.factor, m.sides_basis
FROM collector_storage.latest AS l JOIN collector_storage.measure AS m USING (series_id);
COMMENT ON VIEW latest_open_interest IS
    'The newest snapshot of every instrument, however old it is, as comparable_open_interest has it.';

-- The bounds are those of now(), so that all chunks but one or two are left out before any is read;
-- bounds that depend on a row would have each of them looked at for every instrument.
CREATE VIEW open_interest_change AS
WITH compared AS (
    SELECT m.venue, m.symbol, m.asset, m.quote, m.kind, m.active, now.exchange_ts,
        coalesce(now.open_interest_base * m.of_base, now.open_interest_contracts * m.of_contract)
            AS open_interest,
        hour.exchange_ts AS at_1h, day.exchange_ts AS at_24h, week.exchange_ts AS at_7d,
        coalesce(hour.base * m.of_base, hour.contracts * m.of_contract) AS ago_1h,
        coalesce(day.base * m.of_base, day.contracts * m.of_contract) AS ago_24h,
        coalesce(week.base * m.of_base, week.contracts * m.of_contract) AS ago_7d
    FROM collector_storage.latest AS now
    JOIN collector_storage.measure AS m USING (series_id)
    LEFT JOIN LATERAL (
        SELECT exchange_ts, open_interest_base AS base, open_interest_contracts AS contracts
        FROM collector_storage.open_interest AS o
        WHERE o.series_id = now.series_id AND o.exchange_ts <= now() - INTERVAL '1 hour'
            AND o.exchange_ts > now() - INTERVAL '1 hour 10 minutes'
        ORDER BY o.exchange_ts DESC LIMIT 1
    ) AS hour ON now.exchange_ts > now() - INTERVAL '10 minutes'
    LEFT JOIN LATERAL (
        SELECT exchange_ts, open_interest_base AS base, open_interest_contracts AS contracts
        FROM collector_storage.open_interest AS o
        WHERE o.series_id = now.series_id AND o.exchange_ts <= now() - INTERVAL '24 hours'
            AND o.exchange_ts > now() - INTERVAL '25 hours'
        ORDER BY o.exchange_ts DESC LIMIT 1
    ) AS day ON now.exchange_ts > now() - INTERVAL '1 hour'
    LEFT JOIN LATERAL (
        SELECT exchange_ts, open_interest_base AS base, open_interest_contracts AS contracts
        FROM collector_storage.open_interest AS o
        WHERE o.series_id = now.series_id AND o.exchange_ts <= now() - INTERVAL '168 hours'
            AND o.exchange_ts > now() - INTERVAL '174 hours'
        ORDER BY o.exchange_ts DESC LIMIT 1
    ) AS week ON now.exchange_ts > now() - INTERVAL '6 hours'
)
SELECT venue, symbol, asset, quote, kind, active, exchange_ts, open_interest,
    at_1h, open_interest - ago_1h AS change_1h,
    round((open_interest - ago_1h) / nullif(ago_1h, 0), 6) AS ratio_1h,
    at_24h, open_interest - ago_24h AS change_24h,
    round((open_interest - ago_24h) / nullif(ago_24h, 0), 6) AS ratio_24h,
    at_7d, open_interest - ago_7d AS change_7d,
    round((open_interest - ago_7d) / nullif(ago_7d, 0), 6) AS ratio_7d
FROM compared;
