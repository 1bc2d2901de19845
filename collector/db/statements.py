"""Every statement that the sink runs; all values are bound."""

STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS staging (
    row_number integer,
    venue text, symbol text, exchange_ts timestamptz, polled_at timestamptz,
    received_after_ms integer, open_interest_base numeric, open_interest_contracts numeric,
    open_interest_quote numeric, long_base numeric, short_base numeric
) ON COMMIT DELETE ROWS
"""

EMPTY_STAGING = "DELETE FROM staging"

# Asked first, because every row that meets a conflict uses up a number.
NUMBER_SERIES = """
INSERT INTO collector_storage.series (venue, symbol)
SELECT DISTINCT venue, symbol FROM staging AS s WHERE NOT EXISTS (
    SELECT FROM collector_storage.series WHERE (venue, symbol) = (s.venue, s.symbol)
)
ORDER BY venue, symbol
ON CONFLICT DO NOTHING
"""

# Before rows are inserted: see migration 0008.
HOLD_FINISHED = "SELECT * FROM collector_storage.hold_finished()"

# A row of an hour that is finished already is added to it, and to its day ($1 and $2: before when
# hours and days are finished; $3: what lies before it does not change any more).
INSERT = """
WITH inserted AS (
    INSERT INTO collector_storage.open_interest (
        exchange_ts, polled_at, series_id, received_after_ms, open_interest_base,
        open_interest_contracts, open_interest_quote, long_base, short_base
    )
    SELECT exchange_ts, polled_at, series_id, received_after_ms, open_interest_base,
        open_interest_contracts, open_interest_quote, long_base, short_base
    FROM staging JOIN collector_storage.series USING (venue, symbol) ORDER BY row_number
    ON CONFLICT (series_id, exchange_ts) DO NOTHING
    RETURNING *
), newest AS (
    INSERT INTO collector_storage.latest AS l (
        exchange_ts, polled_at, series_id, received_after_ms, open_interest_base,
        open_interest_contracts, open_interest_quote, long_base, short_base
    )
    SELECT DISTINCT ON (series_id) exchange_ts, polled_at, series_id, received_after_ms,
        open_interest_base, open_interest_contracts, open_interest_quote, long_base, short_base
    FROM inserted ORDER BY series_id, exchange_ts DESC
    ON CONFLICT (series_id) DO UPDATE SET
        exchange_ts = excluded.exchange_ts, polled_at = excluded.polled_at,
        received_after_ms = excluded.received_after_ms,
        open_interest_base = excluded.open_interest_base,
        open_interest_contracts = excluded.open_interest_contracts,
        open_interest_quote = excluded.open_interest_quote,
        long_base = excluded.long_base, short_base = excluded.short_base
    WHERE l.exchange_ts < excluded.exchange_ts
), late AS (
    INSERT INTO collector_storage.rollup_finished AS f (
        bucket, first_ts, last_ts, series_id, hours, snapshots, amounts, open, high, low, close,
        total, close_contracts, close_quote, close_long_base, close_short_base
    )
    SELECT time_bucket(width, exchange_ts), min(exchange_ts), max(exchange_ts), series_id, hours,
        count(*), count(open_interest_base), first(open_interest_base, exchange_ts),
        max(open_interest_base), min(open_interest_base), last(open_interest_base, exchange_ts),
        sum(open_interest_base), last(open_interest_contracts, exchange_ts),
        last(open_interest_quote, exchange_ts), last(long_base, exchange_ts),
        last(short_base, exchange_ts)
    FROM inserted CROSS JOIN (
        VALUES (1, interval '1 hour', $1::timestamptz), (24, interval '1 day', $2::timestamptz)
    ) AS finished (hours, width, finished_before)
    WHERE exchange_ts < finished_before AND exchange_ts >= $3::timestamptz
    GROUP BY series_id, hours, time_bucket(width, exchange_ts)
    ORDER BY series_id, hours, 1
    ON CONFLICT (series_id, hours, bucket) DO UPDATE SET
        first_ts = least(f.first_ts, excluded.first_ts),
        last_ts = greatest(f.last_ts, excluded.last_ts),
        snapshots = f.snapshots + excluded.snapshots,
        amounts = f.amounts + excluded.amounts,
        open = CASE WHEN excluded.first_ts < f.first_ts THEN excluded.open ELSE f.open END,
        high = greatest(f.high, excluded.high),
        low = least(f.low, excluded.low),
        close = CASE WHEN excluded.last_ts > f.last_ts THEN excluded.close ELSE f.close END,
        total = coalesce(f.total + excluded.total, f.total, excluded.total),
        close_contracts = CASE WHEN excluded.last_ts > f.last_ts
            THEN excluded.close_contracts ELSE f.close_contracts END,
        close_quote = CASE WHEN excluded.last_ts > f.last_ts
            THEN excluded.close_quote ELSE f.close_quote END,
        close_long_base = CASE WHEN excluded.last_ts > f.last_ts
            THEN excluded.close_long_base ELSE f.close_long_base END,
        close_short_base = CASE WHEN excluded.last_ts > f.last_ts
            THEN excluded.close_short_base ELSE f.close_short_base END
)
SELECT venue, polled_at, count(*) AS stored
FROM inserted JOIN collector_storage.series USING (series_id) GROUP BY venue, polled_at
"""

# The bounds on exchange_ts are known values, so that only the chunks concerned are looked at.
CONTRADICTIONS = """
SELECT row_number FROM staging AS s JOIN collector_storage.series USING (venue, symbol)
JOIN collector_storage.open_interest AS o USING (series_id, exchange_ts)
WHERE o.exchange_ts BETWEEN $1 AND $2
    AND (s.open_interest_base, s.open_interest_contracts, s.open_interest_quote, s.long_base,
        s.short_base)
    IS DISTINCT FROM (o.open_interest_base, o.open_interest_contracts, o.open_interest_quote,
        o.long_base, o.short_base)
"""

INSERT_REJECTS = """
INSERT INTO rejects (venue, received_at, polled_at, symbol, reason, raw)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[],
    $6::text[])
"""

UPSERT_POLL = """
INSERT INTO polls AS p (
    venue, polled_at, started_at, finished_at, outcome, instruments, requests, rows_fetched,
    rows_stored, rows_duplicate, rows_rejected, rows_unlisted, error, poll_interval
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (venue, polled_at) DO UPDATE SET
    started_at = least(p.started_at, excluded.started_at),
    finished_at = greatest(p.finished_at, excluded.finished_at),
    outcome = CASE
        WHEN excluded.outcome = 'running' THEN p.outcome
        -- Found open at a start, although it had come to its end.
        WHEN excluded.outcome = 'interrupted' AND excluded.finished_at IS NULL
            AND p.finished_at >= excluded.started_at THEN p.outcome
        ELSE excluded.outcome
    END,
    instruments = greatest(p.instruments, excluded.instruments),
    requests = p.requests + excluded.requests,
    rows_fetched = p.rows_fetched + excluded.rows_fetched,
    rows_stored = p.rows_stored + excluded.rows_stored,
    rows_duplicate = p.rows_duplicate + excluded.rows_duplicate,
    rows_rejected = p.rows_rejected + excluded.rows_rejected,
    rows_unlisted = p.rows_unlisted + excluded.rows_unlisted,
    error = CASE
        WHEN excluded.outcome = 'interrupted' AND excluded.finished_at IS NULL
            AND p.finished_at >= excluded.started_at THEN p.error
        ELSE coalesce(excluded.error, p.error)
    END,
    poll_interval = coalesce(excluded.poll_interval, p.poll_interval)
"""

INSERT_PAUSE = """
INSERT INTO collector_storage.pauses (venue, since) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""

COUNT_TICKS = "SELECT collector_storage.count_ticks($1::text[], $2::timestamptz[])"

UPSERT_INSTRUMENT = """
INSERT INTO instruments AS i (
    venue, symbol, base, quote, settle, kind, contract_size, expires_at, sides, product_type,
    active, selected, first_seen_at, last_seen_at
) VALUES ($1, $2, $3, $4, $5, $6, ($7::text)::numeric, $8, $9, $10, $11, $12, $13, $13)
ON CONFLICT (venue, symbol) DO UPDATE SET
    base = excluded.base, quote = excluded.quote, settle = excluded.settle, kind = excluded.kind,
    contract_size = excluded.contract_size, expires_at = excluded.expires_at,
    sides = excluded.sides, product_type = excluded.product_type, active = excluded.active,
    selected = excluded.selected,
    last_seen_at = excluded.last_seen_at
WHERE excluded.last_seen_at >= i.last_seen_at OR i.last_seen_at > now() + INTERVAL '1 minute'
"""
"""What an older list says is not news, but for a list of a time to which our clock was ahead."""

FIRST_SEEN = """
UPDATE instruments SET first_seen_at = $3
WHERE venue = $1 AND symbol = ANY ($2::text[]) AND first_seen_at > $3
"""

# Before the list itself is written.
NOTE_ABSENCES = """
INSERT INTO collector_storage.absences AS a (venue, symbol, since, until)
SELECT i.venue, i.symbol, coalesce(s.listed_until, i.first_seen_at - INTERVAL '1 second'), $3
FROM instruments AS i
LEFT JOIN instrument_spans AS s ON s.venue = i.venue AND s.symbol = i.symbol
WHERE i.venue = $1 AND i.symbol = ANY ($2::text[])
    AND (s.listed_until IS NOT NULL OR s.symbol IS NULL AND NOT (i.active AND i.selected))
    AND coalesce(s.listed_until, i.first_seen_at) < $3
ON CONFLICT (venue, symbol, since) DO UPDATE SET until = greatest(a.until, excluded.until)
"""

VENUES = "SELECT venue, sides, basis, reason FROM venues"

UPSERT_VENUE = """
INSERT INTO venues AS v (venue, sides, basis, reason, updated_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (venue) DO UPDATE SET
    sides = excluded.sides, basis = excluded.basis, reason = excluded.reason,
    updated_at = excluded.updated_at
"""

# So that there is a mark to be locked: another transaction may be about to write the same records.
FIRST_MARK = """
INSERT INTO journal_marks (session, seq, updated_at) SELECT session, -1, now()
FROM unnest($1::uuid[]) AS s (session) ON CONFLICT DO NOTHING
"""

MARKS = "SELECT session, seq FROM journal_marks WHERE session = ANY($1::uuid[]) FOR UPDATE"

MOVE_MARK = """
INSERT INTO journal_marks (session, seq, updated_at) VALUES ($1, $2, now())
ON CONFLICT (session) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at
"""

FORGET_OLD_MARKS = "DELETE FROM journal_marks WHERE updated_at < now() - interval '90 days'"
