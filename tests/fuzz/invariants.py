"""What holds for every reply, however wrong it is: bytes → decode → fault → parse → COPY line."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from collector import exactjson, records
from collector.db.batch import Batch
from collector.models import Instrument, Listing, Parsed, Snapshot
from collector.records import ListingRecord
from collector.venues.fields import ShapeError
from collector.venues.spec import Reply
from tests.fuzz import oracle
from tests.fuzz.oracle import Verdict
from tests.fuzz.seeds import Seed
from tests.fuzz.tree import Token, Tree, read
from tests.fuzz.violations import must
from tests.fuzz.written import (
    AMOUNTS,
    REASON_MAX,
    TICK,
    check_rejects,
    recorded_poll,
    sayable,
    storable,
    written,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_DIGITS_MAX = 101


class Kind(StrEnum):
    """What came of a reply."""

    UNDECODABLE = "undecodable"
    FAULT = "fault"
    REFUSED = "refused as a whole"
    ROWS = "rows"


@dataclass(frozen=True)
class Figures:
    """What came of one reply, in numbers."""

    kind: Kind
    accepted: int = 0
    rejected: int = 0
    found: Parsed | Listing | None = None


def examine(seed: Seed, body: bytes) -> Figures:
    """Take a reply the whole way and check everything that must hold.

    Raises:
        Violation: something does not hold.
    """
    try:
        payload = exactjson.decode(body)
    except ValueError:
        must(_unreadable(body), "a document was not decoded that Python reads")
        return Figures(Kind.UNDECODABLE)
    tree = read(body)
    fault = seed.venue.fault(payload)
    must(oracle.is_error(seed, tree) is (fault is not None), "an error taken for none, or none")
    if fault is not None:
        sayable(seed, fault)
        return Figures(Kind.FAULT)
    read_reply = seed.venue.parse_listing if seed.listing else seed.venue.parse
    whole = oracle.shape(seed, tree)
    try:
        found = read_reply(Reply(seed.request, payload, seed.received_at))
    except ShapeError as problem:
        must(whole is not Verdict.GOOD, "a reply as documented was refused", problem)
        must(len(str(problem)) <= REASON_MAX, "a reason without end", problem)
        recorded_poll(seed, str(problem))
        return Figures(Kind.REFUSED)
    must(whole is not Verdict.BAD, "a reply of another shape was taken")
    rows = oracle.rows_of(seed, tree) or []
    if isinstance(found, Listing):
        _listing(seed, rows, found)
        return Figures(Kind.ROWS, len(found.instruments), len(found.rejects), found)
    _snapshots(seed, tree, rows, found)
    return Figures(Kind.ROWS, len(found.snapshots), len(found.rejects), found)


def untouched(seed: Seed, alone: bytes, together: Figures, name: str | None) -> None:
    """Check that the rows beside a mutated one come out as they do without it.

    Args:
        seed: what was asked.
        alone: the reply without the mutated row.
        together: what came of the reply with it.
        name: the instrument that this row names.
    """
    before = examine(seed, alone).found
    if before is None or together.kind is Kind.UNDECODABLE:
        return
    must(together.found is not None, "a bad row cost the whole reply", name)
    mine = [each for each in _things(before) if each.symbol != name]
    theirs = [each for each in _things(together.found) if each.symbol != name]
    must(mine == theirs, "a bad row has changed its neighbours", name)


def _things(found: Parsed | Listing | None) -> list[Snapshot] | list[Instrument]:
    if isinstance(found, Listing):
        return found.instruments
    return [] if found is None else found.snapshots


def _unreadable(body: bytes) -> bool:
    try:
        read(body)
    except (ValueError, RecursionError):
        return True
    return False


def _snapshots(seed: Seed, tree: Tree, rows: list[Tree], found: Parsed) -> None:
    must(len(rows) == len(found.snapshots) + len(found.rejects), "rows were not accounted for")
    candidates: dict[str, list[oracle.Row]] = defaultdict(list)
    for each in rows:
        judged = oracle.row(seed, tree, each)
        if judged.verdict is not Verdict.BAD:
            candidates[judged.symbol].append(judged)
    stored: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in found.snapshots:
        stored[snapshot.symbol].append(snapshot)
        _plain(snapshot, seed)
    must(stored.keys() <= candidates.keys(), "a row was stored that nobody sent", stored)
    for symbol, group in candidates.items():
        _group(group, stored[symbol])
    written(seed, found)


def _group(sent: list[oracle.Row], stored: list[Snapshot]) -> None:
    """Compare what was stored of one instrument with what was sent of it."""
    for snapshot in stored:
        must(any(_same(row, snapshot) for row in sent), "a wrong number was stored", snapshot, sent)
    must(len({_key(each) for each in stored}) <= 1, "contradicting rows were stored", stored)
    sure = all(row.verdict is Verdict.GOOD for row in sent)
    contradictory = len({(row.ts_ms, *sorted(_values(row))) for row in sent}) > 1
    if sure and contradictory:
        must(not stored, "contradicting rows were believed", sent)
    elif sure:
        must(len(stored) == len(sent), "a good row was lost", sent)


def _values(row: oracle.Row) -> list[tuple[str, Decimal]]:
    return [(column, figure.exact) for column, figure in row.figures.items()]


def _key(snapshot: Snapshot) -> tuple[object, ...]:
    amounts = (getattr(snapshot, column) for column in AMOUNTS)
    return (snapshot.exchange_ts, *(None if each is None else Decimal(each) for each in amounts))


def _same(row: oracle.Row, snapshot: Snapshot) -> bool:
    """Tell whether a snapshot says exactly what a row on the wire says."""
    if snapshot.exchange_ts != _EPOCH + timedelta(milliseconds=row.ts_ms):
        return False
    for column in AMOUNTS:
        text, figure = getattr(snapshot, column), row.figures.get(column)
        if (text is None) is not (figure is None):
            return False
        if text is None or figure is None:
            continue
        if Decimal(text) != figure.exact:
            return False
        if "e" not in figure.text.lower() and text != figure.text:
            return False
    return True


def _plain(snapshot: Snapshot, seed: Seed) -> None:
    for column in AMOUNTS:
        text = getattr(snapshot, column)
        if text is not None:
            must(_PLAIN.fullmatch(text), "an amount that is no plain decimal", column, text)
            must(len(text) <= _DIGITS_MAX, "an amount without end", column, text)
    must(snapshot.exchange_ts.microsecond % 1000 == 0, "more than milliseconds", snapshot)
    lag = seed.received_at - snapshot.exchange_ts
    must(timedelta(days=-1) <= lag <= timedelta(days=30), "an implausible time", snapshot)


def _listing(seed: Seed, rows: list[Tree], found: Listing) -> None:
    must(
        len(found.instruments) + len(found.rejects) <= len(rows),
        "more instruments than rows",
    )
    symbols = [each.symbol for each in found.instruments]
    must(len(set(symbols)) == len(symbols), "an instrument twice", symbols)
    judged = [oracle.listed(seed, each) for each in rows]
    good = {symbol for verdict, symbol in judged if verdict is Verdict.GOOD}
    possible = {symbol for verdict, symbol in judged if verdict is not Verdict.BAD}
    must(good <= set(symbols) <= possible, "instruments lost or made up", good ^ set(symbols))
    sizes = {_number(each) for row in rows for each in oracle.values(row)}
    for each in found.instruments:
        for name in (each.symbol, each.base, each.quote, each.settle):
            must(
                oracle.identifier(name) is Verdict.GOOD,
                "an asset that is no name",
                each.symbol,
                name,
            )
        if each.contract_size is not None:
            must(_PLAIN.fullmatch(each.contract_size), "a contract size that is no number", each)
            must(len(each.contract_size) <= _DIGITS_MAX, "a contract size without end", each)
            known = seed.venue.name == "bitget" or Decimal(each.contract_size) in sizes
            must(known, "a contract size that nobody sent", each)
    check_rejects(found.rejects)
    record = ListingRecord(
        venue=seed.venue.name,
        listed_at=TICK,
        instruments=found.instruments,
        rejects=found.rejects,
    )
    must(records.decode(records.encode(record)) == record, "a record does not come back")
    storable(Batch.of([record]))


def _number(value: Tree) -> Decimal | None:
    figure = oracle.amount(value, number=True)[1] if isinstance(value, Token) else None
    return None if figure is None else figure.exact
