"""What a venue lists: learned, kept when it cannot be learned, and used to sort out rows."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from collector.errors import NoAnswer, ServerFault
from collector.instruments import Instruments
from collector.models import Parsed, Reject
from collector.records import ListingRecord
from collector.venues import VENUES
from collector.venues.spec import Request
from tests.fakes import FakeClient, FakeHtx
from tests.rows import instrument, listing, snapshot

NEVER = 1e9
DOWN = NoAnswer("timed out", venue="htx")


def instruments(
    htx: FakeHtx, include: Sequence[str] = ("*",), exclude: Sequence[str] = ()
) -> tuple[Instruments, FakeClient]:
    """Return the instruments of a fake HTX, and the client that they ask."""
    client = htx.client()
    return Instruments(client, (), include, exclude), client


def symbols(found: Instruments) -> list[str]:
    """Return the symbols that would be asked for."""
    return [each.symbol for each in found.selected()]


async def sorted_out(found: Instruments, *rows: object) -> tuple[list[str], int]:
    """Return which rows are kept, and how many are left out as no longer listed."""
    kept, unlisted = await found.sort_out(Parsed(list(rows), []), NEVER)  # type: ignore[arg-type]  # rows are snapshots
    return [row.symbol for row in kept.snapshots], unlisted


async def test_patterns_narrow_what_is_listed() -> None:
    """Include first, then exclude; case counts, as it does for the venue."""
    found, _ = instruments(
        FakeHtx(["BTC-USDT", "ETH-USDT", "ETH-USDT-261225", "btc-usdt"], {}),
        include=["BTC-*", "ETH-*"],
        exclude=["*-2?????"],
    )
    await found.refresh(NEVER)

    assert symbols(found) == ["BTC-USDT", "ETH-USDT"]


async def test_a_list_that_cannot_be_had_leaves_what_is_known() -> None:
    """Polling goes on with the instruments of before."""
    htx = FakeHtx(["BTC-USDT"], {})
    found, _ = instruments(htx)
    await found.refresh(NEVER)
    htx.listed = DOWN

    assert await found.try_refresh(NEVER) is DOWN
    assert symbols(found) == ["BTC-USDT"]


async def test_a_list_that_cannot_be_had_is_said_once() -> None:
    """And again after it could be had in between."""
    htx = FakeHtx(DOWN, {})
    found, _ = instruments(htx)
    with capture_logs() as logged:
        for listed in (DOWN, DOWN, ["BTC-USDT"], DOWN, DOWN):
            htx.listed = listed
            await found.try_refresh(NEVER)

    assert [(each["event"], each["known"]) for each in logged] == [
        ("listing.failed", 0),
        ("listing.failed", 1),
    ]


async def test_what_an_earlier_process_was_told_is_a_start() -> None:
    """A venue that cannot be asked for its list at the start is polled all the same."""
    found, _ = instruments(FakeHtx(DOWN, {}))
    found.remember(listing(instrument("BTC-USDT")))
    await found.try_refresh(NEVER)

    assert symbols(found) == ["BTC-USDT"]


async def test_a_fresh_list_is_handed_on() -> None:
    """To the database and to the next start."""
    kept: list[ListingRecord] = []

    async def keep(record: ListingRecord) -> None:
        kept.append(record)

    found, _ = instruments(FakeHtx(["BTC-USDT"], {}))
    found.keep_with(keep)
    await found.refresh(NEVER)

    assert [(record.venue, record.instruments[0].symbol) for record in kept] == [
        ("htx", "BTC-USDT")
    ]


async def test_a_list_says_what_is_wanted_of_it() -> None:
    """All that the venue lists is handed on; what the user leaves out is marked."""
    kept: list[ListingRecord] = []

    async def keep(record: ListingRecord) -> None:
        kept.append(record)

    found, _ = instruments(FakeHtx(["BTC-USDT", "ETH-USDT"], {}), exclude=["ETH-*"])
    found.keep_with(keep)
    await found.refresh(NEVER)

    assert {each.symbol: each.selected for each in kept[0].instruments} == {
        "BTC-USDT": True,
        "ETH-USDT": False,
    }


async def test_a_list_that_has_lost_half_is_believed_the_second_time() -> None:
    """One reply that is cut short does not stop the polling of hundreds."""
    htx = FakeHtx([f"C{number}-USDT" for number in range(20)], {})
    found, _ = instruments(htx)
    await found.refresh(NEVER)
    htx.listed = ["C1-USDT"]

    await found.refresh(NEVER)
    after_one = len(found)
    await found.refresh(NEVER)

    assert (after_one, len(found)) == (20, 1)


async def test_one_product_type_that_fails_does_not_cost_the_others() -> None:
    """What could not be asked stays as it was, what could is fresh."""
    failing: list[str] = []

    def answer(request: Request) -> object:
        kind = request.query["productType"]
        if kind in failing:
            return ServerFault("oops", venue="bitget")
        row = {"symbol": f"NEW{kind}" if failing else kind, "baseCoin": "B", "quoteCoin": "Q"}
        return {"code": "00000", "data": [row]}

    found = Instruments(FakeClient(answer, VENUES["bitget"]), ["USDT-FUTURES", "COIN-FUTURES"])
    await found.refresh(NEVER)
    failing.append("COIN-FUTURES")
    await found.refresh(NEVER)

    assert symbols(found) == ["NEWUSDT-FUTURES", "COIN-FUTURES"]


async def test_what_the_venue_no_longer_knows_is_not_asked_for() -> None:
    """Until a fresh list says otherwise, which is called for."""
    found, _ = instruments(FakeHtx(["BTC-USDT", "OLD-USDT"], {}))
    await found.refresh(NEVER)

    found.gone("OLD-USDT")
    assert (symbols(found), found.stale) == (["BTC-USDT"], True)

    await found.refresh(NEVER)
    assert (symbols(found), found.stale) == (["BTC-USDT", "OLD-USDT"], False)


async def test_a_new_instrument_is_not_lost_but_calls_for_a_fresh_list() -> None:
    """It was listed after the last list was made."""
    htx = FakeHtx(["BTC-USDT"], {})
    found, client = instruments(htx)
    await found.refresh(NEVER)
    htx.listed = ["BTC-USDT", "NEW-USDT"]

    assert await sorted_out(found, snapshot("BTC-USDT"), snapshot("NEW-USDT")) == (
        ["BTC-USDT", "NEW-USDT"],
        0,
    )
    assert len(client.asked) == 2


async def test_a_dead_instrument_is_counted_and_kept_out() -> None:
    """One fresh list settles it; its rows cost no more requests as long as they do not change."""
    found, client = instruments(FakeHtx(["BTC-USDT"], {}))
    await found.refresh(NEVER)

    first = await sorted_out(found, snapshot("BTC-USDT"), snapshot("DEAD-USDT"))
    again = await sorted_out(found, snapshot("BTC-USDT"), snapshot("DEAD-USDT"))

    assert first == again == (["BTC-USDT"], 1)
    assert len(client.asked) == 2


async def test_a_dead_instrument_that_moves_is_looked_at_again() -> None:
    """It has been listed once more under its old name."""
    htx = FakeHtx(["BTC-USDT"], {})
    found, _ = instruments(htx)
    await found.refresh(NEVER)
    await sorted_out(found, snapshot("BACK-USDT", "1.5"))
    htx.listed = ["BTC-USDT", "BACK-USDT"]

    assert await sorted_out(found, snapshot("BACK-USDT", "1.5")) == ([], 1)
    assert await sorted_out(found, snapshot("BACK-USDT", "1.6")) == (["BACK-USDT"], 0)


async def test_without_a_fresh_list_an_unknown_instrument_is_kept() -> None:
    """Better a dead row too many than a new one lost."""
    htx = FakeHtx(["BTC-USDT"], {})
    found, _ = instruments(htx)
    await found.refresh(NEVER)
    htx.listed = DOWN

    assert await sorted_out(found, snapshot("NEW-USDT")) == (["NEW-USDT"], 0)


async def test_what_is_not_wanted_is_neither_kept_nor_counted() -> None:
    """A bulk reply brings everything; the patterns hold for it as well."""
    found, _ = instruments(FakeHtx(["BTC-USDT", "ETH-USDT"], {}), include=["BTC-*"])
    await found.refresh(NEVER)

    assert await sorted_out(found, snapshot("BTC-USDT"), snapshot("ETH-USDT")) == (["BTC-USDT"], 0)


async def test_a_bad_row_of_what_is_not_wanted_is_not_kept_either() -> None:
    """One that does not say what it is of may be anything, and is kept for inspection."""
    found, _ = instruments(FakeHtx(["BTC-USDT", "ETH-USDT"], {}), include=["BTC-*"])
    bad = [Reject(reason="bad", raw="{}", symbol=each) for each in ("BTC-USDT", "ETH-USDT", None)]

    kept, unlisted = await found.sort_out(Parsed([], bad), NEVER)

    assert (["BTC-USDT", None], 0) == ([reject.symbol for reject in kept.rejects], unlisted)


@pytest.mark.parametrize("payload", [{"status": "ok"}, {"status": "ok", "data": {}}, []])
async def test_a_list_of_another_shape_is_an_error_like_any_other(payload: object) -> None:
    """It is told, and what is known stays."""
    found = Instruments(FakeClient(lambda _: payload), ())
    found.remember(listing(instrument("BTC-USDT")))

    error = await found.try_refresh(NEVER)

    assert error is not None
    assert error.kind == "payload"
    assert symbols(found) == ["BTC-USDT"]
