"""A sweep asks for everything, gives up in time, and can say how it went."""

import asyncio

import pytest

from collector.errors import (
    Banned,
    BudgetClosed,
    InstrumentGone,
    JournalFull,
    NoAnswer,
    ServerFault,
    VenueError,
)
from collector.exactjson import Number
from collector.instruments import Instruments
from collector.models import Outcome, Parsed
from collector.sweep import Sweep, Sweeper
from collector.venues.spec import Reply, Request
from tests.fakes import FakeBitget, FakeClient, FakeHtx

NEVER = 1e9


def fault(symbol: str) -> VenueError:
    """Return an error that speaks against the venue."""
    return ServerFault("oops", venue="bitget", endpoint="GET /x", symbol=symbol, status=500)


async def swept(client: FakeClient, product_types: tuple[str, ...] = ()) -> tuple[Sweep, list[str]]:
    """Return how a sweep went, and the symbols whose rows it brought."""
    rows: list[str] = []

    async def accept(_: Reply, parsed: Parsed, unlisted: int) -> None:
        rows.extend(row.symbol for row in parsed.snapshots)

    sweeper = Sweeper(client, Instruments(client, product_types))
    return await sweeper.sweep(accept, NEVER), rows


async def swept_bitget(bitget: FakeBitget) -> tuple[Sweep, list[str]]:
    """Sweep a fake Bitget."""
    return await swept(bitget.client(), ("USDT-FUTURES", "COIN-FUTURES"))


async def test_everything_is_asked_for_and_counted() -> None:
    """Two lists, and one request for each of the instruments."""
    names = [f"S{number}USDT" for number in range(100)]
    sweep, rows = await swept_bitget(FakeBitget(names))

    assert sorted(rows) == sorted(names)
    assert sweep == Sweep(instruments=100, requests=102, replies=100, rows=100)
    assert (sweep.outcome(), sweep.error()) == (Outcome.OK, None)


async def test_one_reply_may_bring_everything() -> None:
    """A list, the rows, and a second list because one of them is not on the first."""
    htx = FakeHtx(["BTC-USDT", "ETH-USDT"], {"BTC-USDT": "1", "ETH-USDT": "2", "DEAD-USDT": "3"})
    sweep, rows = await swept(htx.client())

    assert rows == ["BTC-USDT", "ETH-USDT"]
    assert sweep == Sweep(instruments=2, requests=3, replies=1, rows=2, unlisted=1)


async def test_some_that_fail_make_it_partial() -> None:
    """The others are there, and the error tells kinds, numbers and an example."""
    bitget = FakeBitget(["A", "B", "C"], {"A": fault("A"), "C": fault("C")})
    sweep, rows = await swept_bitget(bitget)

    assert rows == ["B"]
    assert sweep.outcome() is Outcome.PARTIAL
    assert sweep.error() == "2 x bitget GET /x: oops (server_fault, status 500, A)"


async def test_an_instrument_that_is_gone_is_not_asked_for_again() -> None:
    """The list is refreshed before the next sweep."""
    gone = InstrumentGone("removed", venue="bitget", symbol="B")
    client = FakeBitget(["A", "B"], {"B": gone}).client()
    instruments = Instruments(client, ("USDT-FUTURES",))
    sweeper = Sweeper(client, instruments)

    await sweeper.sweep(discard, NEVER)

    assert [each.symbol for each in instruments.selected()] == ["A"]
    assert instruments.stale


async def test_a_venue_that_only_fails_is_given_up_early() -> None:
    """Nobody sends hundreds of requests to a venue that is down."""
    names = [f"S{number}" for number in range(500)]
    sweep, _ = await swept_bitget(FakeBitget(names, {name: fault(name) for name in names}))

    assert sweep.outcome() is Outcome.FAILED
    assert sweep.requests < 40


@pytest.mark.parametrize("error", [Banned("go away"), BudgetClosed("shut")])
async def test_after_a_ban_or_a_shut_budget_nothing_more_is_asked(error: VenueError) -> None:
    """The first such error ends the sweep; what is under way comes to its end."""
    names = [f"S{number}" for number in range(500)]
    sweep, _ = await swept_bitget(FakeBitget(names, dict.fromkeys(names, error)))

    assert sweep.requests <= 22


async def test_instruments_without_data_do_not_speak_against_the_venue() -> None:
    """Hundreds of them in a row are hundreds of odd instruments."""
    names = [f"S{number}" for number in range(60)]
    bitget = FakeBitget(names, {name: InstrumentGone("gone", symbol=name) for name in names})
    sweep, _ = await swept_bitget(bitget)

    assert len(sweep.errors) == 60


async def test_nothing_known_and_nothing_to_be_learned_is_a_failure() -> None:
    """The error is that of the list."""
    down = NoAnswer("timed out", venue="bitget", endpoint="GET /contracts")
    sweep, _ = await swept(FakeClient(lambda _: down, FakeBitget([]).client().venue), ("X",))

    assert sweep.outcome() is Outcome.FAILED
    assert sweep.error() == "1 x bitget GET /contracts: timed out (no_answer)"


async def test_an_answer_without_rows_is_empty() -> None:
    """It is told apart from a failure and from rows that do not change."""
    sweep, _ = await swept(FakeHtx(["BTC-USDT"], {}).client())

    assert sweep.outcome() is Outcome.EMPTY


async def test_rows_of_which_none_is_believed_are_a_failure() -> None:
    """They are handed over as rejects, and the poll says that nothing came of it, and why."""
    htx = FakeHtx(["BTC-USDT", "ETH-USDT"], {"BTC-USDT": "1", "ETH-USDT": "2"})

    def frozen(request: Request) -> object:
        answer = htx.answer(request)
        assert isinstance(answer, dict)
        return answer | {"ts": Number("1561605181000")}

    sweep, rows = await swept(FakeClient(frozen))

    assert ([], 2) == (rows, sweep.rejected)
    assert sweep.outcome() is Outcome.FAILED
    assert sweep.error() == (
        "every row was rejected, 2 in all; first: ts: implausible time 2019-06-27T03:13:01+00:00"
    )


async def test_a_row_that_is_believed_or_counted_is_no_failure_beside_a_bad_one() -> None:
    """Only where nothing at all was as documented is the venue to be doubted."""
    outcomes = [
        Sweep(replies=1, rows=1, rejected=1).outcome(),
        Sweep(replies=1, unlisted=1, rejected=1).outcome(),
        Sweep(replies=1, rejected=1).outcome(),
    ]

    assert outcomes == [Outcome.OK, Outcome.OK, Outcome.FAILED]


async def test_rows_that_cannot_be_kept_end_the_sweep() -> None:
    """There is no point in asking for what the journal would refuse."""
    client = FakeBitget([f"S{number}" for number in range(500)]).client()
    accepted: list[Reply] = []

    async def accept(reply: Reply, rows: Parsed, unlisted: int) -> None:
        if len(accepted) == 5:
            raise JournalFull("journal: full")
        accepted.append(reply)

    sweep = await Sweeper(client, Instruments(client, ("USDT-FUTURES",))).sweep(accept, NEVER)

    assert (sweep.outcome(), sweep.error()) == (Outcome.PARTIAL, "journal: full")
    assert sweep.requests < 30


async def test_a_stop_lets_what_is_under_way_end_and_asks_no_more() -> None:
    """The twenty under way bring their rows; the rest is not asked for."""
    client = FakeBitget([f"S{number}" for number in range(500)]).client()
    instruments = Instruments(client, ("USDT-FUTURES",))
    await instruments.refresh(NEVER)
    client.pause = asyncio.Event()
    sweeper = Sweeper(client, instruments)
    rows: list[str] = []

    async def accept(_: Reply, parsed: Parsed, unlisted: int) -> None:
        rows.extend(row.symbol for row in parsed.snapshots)

    sweeping = asyncio.create_task(sweeper.sweep(accept, NEVER))
    await asyncio.sleep(0.01)
    sweeper.stop()
    client.pause.set()
    sweep = await sweeping

    assert len(rows) == 20
    assert (sweep.outcome(), sweep.error()) == (Outcome.INTERRUPTED, "the collector was stopped")


async def discard(reply: Reply, rows: Parsed, unlisted: int) -> None:
    """Take rows and forget them."""
