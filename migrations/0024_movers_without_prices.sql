-- Where no venue tells a price, because HTX is switched off say, everything was worth less than the least
-- value, and top_movers() was empty as if nothing had moved.

CREATE OR REPLACE FUNCTION top_movers(
    span change_span DEFAULT '1h', how_many bigint DEFAULT 20, least_value numeric DEFAULT 100000
) RETURNS TABLE (
    venue text, symbol text, asset text, kind text, exchange_ts timestamptz, open_interest numeric,
    compared_ts timestamptz, change numeric, ratio numeric, value numeric
) LANGUAGE sql STABLE BEGIN ATOMIC
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
    SELECT v.* FROM valued AS v
    WHERE least_value <= 0 OR v.value >= least_value OR NOT EXISTS (SELECT FROM worth)
    ORDER BY abs(v.ratio) DESC, v.venue, v.symbol LIMIT how_many;
END;
COMMENT ON FUNCTION top_movers(change_span, bigint, numeric) IS
    'Where open interest has changed most, relative to what there was: top_movers(''24h'', 10); the span '
    'is 1h, 24h or 7d. The columns are those of open_interest_change. `value` is the larger of both ends '
    'in dollars, worked out with implied_price, USD, USDT and USDC taken for one; below `least_value` a '
    'position is left out, so that dust does not lead, and so is one of which no venue tells the price. '
    'With least_value 0 all of them are there, and so they are while no price is known at all.';

COMMENT ON VIEW implied_price IS
    'What one of an asset is worth, from the venues that report open interest in the asset and in the quote '
    'currency as well, which is HTX alone: the one over the other, over the newest snapshots of the last '
    'hour. Good enough to tell large from small; it is nobody''s price to trade at.';
