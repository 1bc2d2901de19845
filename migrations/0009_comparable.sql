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
-- bounds that depend on a row would have each of them looked at for every instrument. And max(), of
-- one row, tells the planner that there is one: what a query does not ask for is not looked up then.
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
        SELECT max(exchange_ts) AS exchange_ts, max(open_interest_base) AS base,
            max(open_interest_contracts) AS contracts
        FROM (
            SELECT * FROM collector_storage.open_interest AS o
            WHERE o.series_id = now.series_id
                AND o.exchange_ts <= now() - INTERVAL '1 hour'
                AND o.exchange_ts > now() - INTERVAL '1 hour 10 minutes'
            ORDER BY o.exchange_ts DESC LIMIT 1
        ) AS newest
    ) AS hour ON now.exchange_ts > now() - INTERVAL '10 minutes'
    LEFT JOIN LATERAL (
        SELECT max(exchange_ts) AS exchange_ts, max(open_interest_base) AS base,
            max(open_interest_contracts) AS contracts
        FROM (
            SELECT * FROM collector_storage.open_interest AS o
            WHERE o.series_id = now.series_id
                AND o.exchange_ts <= now() - INTERVAL '24 hours'
                AND o.exchange_ts > now() - INTERVAL '25 hours'
            ORDER BY o.exchange_ts DESC LIMIT 1
        ) AS newest
    ) AS day ON now.exchange_ts > now() - INTERVAL '1 hour'
    LEFT JOIN LATERAL (
        SELECT max(exchange_ts) AS exchange_ts, max(open_interest_base) AS base,
            max(open_interest_contracts) AS contracts
        FROM (
            SELECT * FROM collector_storage.open_interest AS o
            WHERE o.series_id = now.series_id
                AND o.exchange_ts <= now() - INTERVAL '168 hours'
                AND o.exchange_ts > now() - INTERVAL '174 hours'
            ORDER BY o.exchange_ts DESC LIMIT 1
        ) AS newest
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
COMMENT ON VIEW open_interest_change IS
    'The newest snapshot of every instrument, and the change since 1 hour, 24 hours and 7 days ago. '
    'Compared is the last snapshot before that moment, if it is not more than 10 minutes, 1 hour or 6 '
    'hours before it; if there is none, or the newest is older than that itself, the change is null.';

CREATE VIEW implied_price AS
SELECT asset, quote, sum(open_interest_quote) / sum(open_interest) AS price,
    count(*) AS instruments, min(exchange_ts) AS oldest_ts, max(exchange_ts) AS newest_ts
FROM latest_open_interest
WHERE open_interest > 0 AND open_interest_quote > 0 AND exchange_ts > now() - INTERVAL '1 hour'
GROUP BY asset, quote;
COMMENT ON VIEW implied_price IS
    'What one of an asset is worth, from the venues that report open interest in the asset and in the '
    'quote currency as well: the one over the other, over the newest snapshots of the last hour. '
    'Good enough to tell large from small; it is nobody''s price to trade at.';

CREATE VIEW open_interest_by_asset_1h AS
SELECT i.asset, h.bucket, i.venue, i.kind, i.quote,
    sum(coalesce(h.close, h.close_contracts * i.contract_size) * i.units * v.factor) AS open_interest,
    sum(h.close_quote * v.factor) AS open_interest_quote,
    count(*) AS instruments,
    count(*) - count(coalesce(h.close, h.close_contracts * i.contract_size) * v.factor)
        AS unconverted,
    count(*) - count(h.close_quote * v.factor) AS without_quote,
    sum(h.snapshots)::bigint AS snapshots, min(h.last_ts) AS oldest_ts, max(h.last_ts) AS newest_ts
FROM instruments AS i
JOIN open_interest_1h AS h ON h.venue = i.venue AND h.symbol = i.symbol
LEFT JOIN venues AS v ON v.venue = i.venue
GROUP BY i.asset, h.bucket, i.venue, i.kind, i.quote;
COMMENT ON VIEW open_interest_by_asset_1h IS
    'Open interest of an asset by the hour, one-sided, as it was at the end of the hour: one row per '
    'asset, hour, venue, kind and quote currency, so that dollars of different issuers are never added '
    'up unasked. What cannot be converted is counted, and is not in the sum; what has not been listed '
    'yet has no asset, and is in no row.';

CREATE VIEW open_interest_of_asset_1h AS
SELECT asset, bucket, sum(open_interest) AS open_interest,
    sum(open_interest) FILTER (WHERE kind = 'perpetual') AS perpetual,
    sum(open_interest) FILTER (WHERE kind = 'future') AS future,
    count(DISTINCT venue) FILTER (WHERE open_interest IS NOT NULL) AS venues,
    sum(instruments - unconverted)::bigint AS instruments, sum(unconverted)::bigint AS unconverted,
    min(oldest_ts) AS oldest_ts
FROM open_interest_by_asset_1h GROUP BY asset, bucket;
COMMENT ON VIEW open_interest_of_asset_1h IS
    'Open interest of an asset over all venues by the hour, one-sided, as it was at the end of the '
    'hour. An hour in which a venue was not reached has fewer venues and instruments in it: compare '
    'sums only where these numbers are the same.';

-- One value an hour is enough to tell, and keeps the work small: 168 for each instrument.
CREATE VIEW contract_parity AS
WITH counted AS (
    SELECT DISTINCT venue, symbol, close_contracts AS contracts FROM open_interest_1h
    WHERE bucket > now() - INTERVAL '7 days' AND close_contracts > 0
), added AS (
    SELECT venue, symbol, count(*) AS counts, count(*) FILTER (WHERE contracts % 1 = 0) AS whole,
        count(*) FILTER (WHERE contracts % 2 = 1) AS odd
    FROM counted GROUP BY GROUPING SETS ((venue), (venue, symbol))
)
SELECT a.venue, a.symbol, a.counts, a.whole, a.odd,
    round(a.odd::numeric / nullif(a.whole, 0), 4) AS odd_share, v.sides, v.basis AS sides_basis,
    CASE
        WHEN a.whole < a.counts THEN 'some are not whole numbers, so this tells nothing'
        WHEN a.odd > 0 THEN 'some are odd, and a doubled count is never odd'
        WHEN a.whole < 20 THEN 'none is odd, and too few are known to tell'
        ELSE 'none is odd: doubled counts, or positions in even numbers only'
    END AS reading
FROM added AS a LEFT JOIN venues AS v ON v.venue = a.venue;
COMMENT ON VIEW contract_parity IS
    'Does a venue count both sides? A count of contracts that is the sum of two equal sides is even. '
    'Over the last 7 days, of the last count of every hour, each value once for each instrument: how '
    'many are whole, and how many of these odd. One row per venue, with symbol null, and one for '
    'each of its instruments. Only venues that report contracts: for others the smallest step of a '
    'position is not stored.';

CREATE TYPE change_span AS ENUM ('1h', '24h', '7d');
COMMENT ON TYPE change_span IS 'The spans that open_interest_change has.';

CREATE FUNCTION top_movers(
    span change_span DEFAULT '1h', how_many bigint DEFAULT 20, least_value numeric DEFAULT 100000
) RETURNS TABLE (
    venue text, symbol text, asset text, kind text, exchange_ts timestamptz, open_interest numeric,
    compared_ts timestamptz, change numeric, ratio numeric, value numeric
) LANGUAGE sql STABLE AS $function$
    WITH moved AS MATERIALIZED (
        SELECT c.venue, c.symbol, c.asset, c.kind, c.exchange_ts, c.open_interest,
            CASE span WHEN '1h' THEN at_1h WHEN '24h' THEN at_24h WHEN '7d' THEN at_7d END
                AS compared_ts,
            CASE span WHEN '1h' THEN change_1h WHEN '24h' THEN change_24h WHEN '7d' THEN change_7d END
                AS change,
            CASE span WHEN '1h' THEN ratio_1h WHEN '24h' THEN ratio_24h WHEN '7d' THEN ratio_7d END
                AS ratio
        FROM open_interest_change AS c
    ), worth AS MATERIALIZED (
        SELECT p.asset, sum(p.price * p.instruments) / sum(p.instruments) AS price
        FROM implied_price AS p WHERE p.quote IN ('USD', 'USDT', 'USDC') GROUP BY p.asset
    ), valued AS (
        SELECT m.*, round(greatest(m.open_interest, m.open_interest - m.change) * w.price, 2) AS value
        FROM moved AS m LEFT JOIN worth AS w ON w.asset = m.asset
        WHERE m.ratio IS NOT NULL
    )
    SELECT v.* FROM valued AS v WHERE least_value <= 0 OR v.value >= least_value
    ORDER BY abs(v.ratio) DESC, v.venue, v.symbol LIMIT how_many
$function$;
COMMENT ON FUNCTION top_movers(change_span, bigint, numeric) IS
    'Where open interest has changed most, relative to what there was: top_movers(''24h'', 10). The '
    'columns are those of open_interest_change. `value` is the larger of both ends in dollars, worked '
    'out with implied_price, USD, USDT and USDC taken for one; below `least_value` a position is left '
    'out, so that dust does not lead, and so is one of which no venue tells the price. With '
    'least_value 0 all of them are there.';

-- The columns of the views, each described once for all views that have it.
DO $block$
DECLARE
    item record;
    what text;
BEGIN
    FOR item IN
        SELECT c.oid::regclass AS view, attname AS name FROM pg_class AS c
        JOIN pg_attribute ON attrelid = c.oid AND attnum > 0
        WHERE c.oid IN (
            'comparable_open_interest'::regclass, 'latest_open_interest'::regclass,
            'open_interest_change'::regclass, 'implied_price'::regclass,
            'open_interest_by_asset_1h'::regclass, 'open_interest_of_asset_1h'::regclass,
            'contract_parity'::regclass
        )
    LOOP
        SELECT meaning INTO what FROM (VALUES
            ('venue', NULL, 'Venue, as in open_interest.'),
            ('venue', 'contract_parity', 'Venue that reports contracts.'),
            ('symbol', NULL, 'The venue''s own id, as in open_interest.'),
            ('symbol', 'contract_parity', 'The venue''s own id; null for the venue as a whole.'),
            ('exchange_ts', NULL, 'The venue''s own clock, as in open_interest.'),
            ('received_at', NULL, 'Our clock, when the reply had been read.'),
            ('polled_at', NULL, 'Our clock, the tick that the poll belongs to.'),
            ('age', NULL, 'Interval from exchange_ts until now.'),
            ('received_age', NULL, 'Interval from received_at until now.'),
            ('base', NULL, 'What the contract is about, as its venue calls it; null until it is listed.'),
            ('quote', NULL, 'The currency that the price is in.'),
            ('settle', NULL, 'The currency that profit and loss are paid in.'),
            ('kind', NULL, 'perpetual, or future: a contract that expires.'),
            ('expires_at', NULL, 'When a future is delivered; null for a perpetual.'),
            ('active', NULL,
                'Whether the venue was expected to report open interest when it was last asked.'),
            ('asset', NULL, 'The asset itself: BONK where base is 1000BONK; see instruments.units.'),
            ('units', NULL, 'How many of the asset one of base is: 1000 for 1000BONK.'),
            ('open_interest', NULL,
                'Asset: open interest, one-sided; null where it cannot be told.'),
            ('open_interest', 'open_interest_by_asset_1h',
                'Asset: open interest, one-sided, at the end of the hour, of the instruments of which '
                'it can be told; null if there is none.'),
            ('open_interest', 'open_interest_of_asset_1h',
                'Asset: open interest, one-sided, at the end of the hour, of the instruments of which '
                'it can be told; null if there is none.'),
            ('open_interest_quote', NULL,
                'Quote currency: open interest, one-sided; null where the venue does not give it.'),
            ('long_open_interest', NULL,
                'Asset: open long positions; null where the venue does not give them.'),
            ('short_open_interest', NULL,
                'Asset: open short positions; null where the venue does not give them.'),
            ('sides', NULL, 'How the venue counts, as in venues: one, both or unknown.'),
            ('factor', NULL, 'What made the figure one-sided, as in venues.'),
            ('sides_basis', NULL, 'How that is known, as in venues.'),
            ('sides_reason', NULL, 'Why, as in venues.'),
            ('converted_from', NULL,
                'Which amount open_interest was worked out from: base or contracts; null with it.'),
            ('at_1h', NULL, 'exchange_ts of the snapshot of 1 hour ago; null if there is none.'),
            ('at_24h', NULL, 'exchange_ts of the snapshot of 24 hours ago; null if there is none.'),
            ('at_7d', NULL, 'exchange_ts of the snapshot of 7 days ago; null if there is none.'),
            ('change_1h', NULL, 'Asset: change since at_1h; null if it cannot be told.'),
            ('change_24h', NULL, 'Asset: change since at_24h; null if it cannot be told.'),
            ('change_7d', NULL, 'Asset: change since at_7d; null if it cannot be told.'),
            ('ratio_1h', NULL, 'change_1h as a fraction of what there was then, to 6 decimals.'),
            ('ratio_24h', NULL, 'change_24h as a fraction of what there was then, to 6 decimals.'),
            ('ratio_7d', NULL, 'change_7d as a fraction of what there was then, to 6 decimals.'),
            ('price', NULL, 'Quote currency per asset.'),
            ('instruments', NULL, 'How many instruments have contributed.'),
            ('instruments', 'open_interest_by_asset_1h', 'How many instruments had a snapshot.'),
            ('bucket', NULL, 'Start of the hour, UTC.'),
            ('unconverted', NULL,
                'How many instruments had a snapshot that could not be converted: not in the sum.'),
            ('without_quote', NULL,
                'How many instruments are not in open_interest_quote, since their venue gives none.'),
            ('snapshots', NULL, 'How many snapshots there were in the hour.'),
            ('oldest_ts', NULL, 'exchange_ts of the oldest snapshot that has contributed.'),
            ('newest_ts', NULL, 'exchange_ts of the newest snapshot that has contributed.'),
            ('perpetual', NULL, 'Asset: the part of open_interest that is in perpetuals.'),
            ('future', NULL, 'Asset: the part of open_interest that is in futures that expire.'),
            ('venues', NULL, 'How many venues have contributed.'),
            ('counts', NULL, 'How many different counts of contracts there were.'),
            ('whole', NULL, 'How many of those were whole numbers.'),
            ('odd', NULL, 'How many of those were odd.'),
            ('odd_share', NULL, 'odd as a fraction of whole: about a half if single contracts count.'),
            ('reading', NULL, 'What that says, in a sentence.')
        ) AS described (name, only_in, meaning)
        WHERE described.name = item.name AND coalesce(only_in, item.view::text) = item.view::text
        ORDER BY only_in NULLS LAST LIMIT 1;
        IF what IS NULL THEN
            RAISE EXCEPTION 'column %.% is not described', item.view, item.name;
        END IF;
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', item.view, item.name, what);
    END LOOP;
END
$block$;

-- The list as it is, and one more.
DO $block$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION collector_writer_rights()'
        ' RETURNS TABLE (relation text, rights text) LANGUAGE sql STABLE AS %L',
        (
            SELECT 'VALUES ' || string_agg(format('(%L, %L)', relation, rights), ', ')
            FROM (
                SELECT * FROM collector_writer_rights()
                UNION ALL
                SELECT 'venues', 'SELECT INSERT UPDATE'
            ) AS all_rights (relation, rights)
        )
    );
END
$block$;
