"""One-line mistakes in what analysts ask of the database, and the tests that must notice each."""

from mutants import Mutant

_STATEMENTS = "collector/db/statements.py"
_RACES = ("tests/db/test_races.py",)
_ROLLUPS = ("tests/db/test_rollups.py",)
_COMPARABLE = ("tests/db/test_comparable.py", "tests/db/test_assets.py")

DATABASE = (
    Mutant(
        "both sides counted as one",
        "migrations/0009_comparable.sql",
        "WHEN 'both' THEN 0.5 END",
        "WHEN 'both' THEN 1 END",
        _COMPARABLE,
    ),
    Mutant(
        "a thousand coins taken for one",
        "migrations/0009_comparable.sql",
        "i.units * v.factor AS of_base",
        "v.factor AS of_base",
        _COMPARABLE,
    ),
    Mutant(
        "what cannot be converted is nought",
        "migrations/0009_comparable.sql",
        "    sum(coalesce(h.close, h.close_contracts * i.contract_size) * i.units * v.factor)"
        " AS open_interest,",
        "    sum(coalesce(h.close * i.units * v.factor, 0)) AS open_interest,",
        _COMPARABLE,
    ),
    Mutant(
        "a late row counted twice in its hour",
        _STATEMENTS,
        "    SELECT time_bucket(width, exchange_ts), min(exchange_ts), max(exchange_ts), series_id,"
        " hours,\n        count(*),",
        "    SELECT time_bucket(width, exchange_ts), min(exchange_ts), max(exchange_ts), series_id,"
        " hours,\n        2 * count(*),",
        _ROLLUPS,
    ),
    Mutant(
        "a late row closes an hour that had a newer one",
        _STATEMENTS,
        "        close = CASE WHEN excluded.last_ts > f.last_ts THEN",
        "        close = CASE WHEN true THEN",
        _ROLLUPS,
    ),
    Mutant(
        "drop what is in no rollup yet",
        "migrations/0008_rollups.sql",
        "least(now() - state.keep_for, state.finished_before), state.keep_for)",
        "now() - state.keep_for, state.keep_for)",
        ("tests/db/test_policies.py",),
    ),
    Mutant(
        "a long outage is forgotten",
        "migrations/0021_clocks_set_back.sql",
        "WHERE s.until IS NOT NULL OR now() - s.since <= INTERVAL '31 days';",
        "WHERE coalesce(s.until, now()) - s.since <= INTERVAL '31 days';",
        ("tests/db/test_coverage_venues.py",),
    ),
    Mutant(
        "what nobody knows is complete",
        "migrations/0015_unknown_coverage.sql",
        "CASE WHEN k.expected IS NOT NULL\n",
        "CASE WHEN true\n",
        ("tests/db/test_coverage_rollups.py",),
    ),
    Mutant(
        "status takes polls under way for missed ones",
        "collector/db/condition.py",
        "sum(expected - running) AS expected",
        "sum(expected) AS expected",
        ("tests/daemon/test_status.py",),
    ),
    Mutant(
        "an export takes another's place",
        "collector/export/target.py",
        "                _rename(draft, path)\n",
        "                draft.replace(path)\n",
        ("tests/daemon/test_export_files.py",),
    ),
    Mutant(
        "half of a file is left",
        "collector/export/target.py",
        "                draft.unlink()\n",
        "                pass\n",
        ("tests/daemon/test_export_files.py",),
    ),
    Mutant(
        "an older chunk is passed over",
        "migrations/0019_rows_of_finished_hours.sql",
        "    SELECT min(range_start) INTO first_chunk FROM",
        "    SELECT first_chunk INTO first_chunk FROM",
        _RACES,
    ),
    Mutant(
        "a journal's first records counted twice",
        _STATEMENTS,
        "FROM unnest($1::uuid[]) AS s (session) ON CONFLICT DO NOTHING",
        "FROM unnest($1::uuid[]) AS s (session) WHERE false ON CONFLICT DO NOTHING",
        _RACES,
    ),
    Mutant(
        "sessions as the database likes them",
        "collector/db/__init__.py",
        "SET default_transaction_isolation = 'read committed'; ",
        "",
        _RACES,
    ),
    Mutant(
        "a reader stops all retention",
        "collector/upkeep.py",
        "(self._finish_hours, self._drop, self._pack)",
        "(self._finish_hours, self._pack)",
        _RACES,
    ),
    Mutant(
        "the newest poll is dropped",
        "migrations/0020_newest_polls_stay.sql",
        "n.polled_at > p.polled_at\n",
        "n.polled_at >= p.polled_at\n",
        ("tests/db/test_clocks.py",),
    ),
    Mutant(
        "what was away was left out",
        "migrations/0022_absences.sql",
        "AND (away.ranges IS NULL OR NOT t.tick <@ away.ranges)",
        "",
        ("tests/db/test_coverage_pauses.py",),
    ),
)
