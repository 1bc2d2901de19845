-- A bucket of which nobody knows how many ticks it had covers nobody knows how much of them. It said 1,
-- since least() passes over null.

DO $block$
DECLARE
    level record;
BEGIN
    FOR level IN VALUES
        ('5m', INTERVAL '5 minutes'), ('1h', INTERVAL '1 hour'), ('1d', INTERVAL '1 day')
    LOOP
        EXECUTE format(
            $create$
                CREATE OR REPLACE VIEW open_interest_%1$s AS
                SELECT s.venue, s.symbol, r.bucket, r.open, r.high, r.low, r.close,
                    r.total / nullif(r.amounts, 0) AS average, r.snapshots, r.first_ts, r.last_ts,
                    r.close_contracts, r.close_quote, r.close_long_base, r.close_short_base,
                    k.expected::bigint AS expected,
                    CASE WHEN k.expected IS NOT NULL
                        THEN least(1, round(r.snapshots::numeric / k.expected, 4))
                    END AS coverage
                FROM collector_storage.rollup_%1$s AS r
                JOIN collector_storage.series AS s USING (series_id)
                LEFT JOIN collector_storage.ticks AS k
                    ON k.width = %2$L::interval AND k.venue = s.venue AND k.bucket = r.bucket
            $create$, level.column1, level.column2
        );
    END LOOP;
END
$block$;
