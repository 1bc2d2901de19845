"""What the venues declare: requests, limits, and that they are data and pure functions."""

import ast
from pathlib import Path

import pytest

import collector.venues
from collector.models import Instrument, Kind, Sides
from collector.venues import VENUES, registry
from collector.venues.spec import Request, Venue

SOURCES = sorted(Path(collector.venues.__file__).parent.glob("*.py"))
FORBIDDEN = {"aiohttp", "asyncio", "asyncpg", "logging", "os", "socket", "structlog", "time"}


def instrument(symbol: str, product_type: str | None = None) -> Instrument:
    """Return an instrument of which only the name matters."""
    return Instrument(
        symbol=symbol,
        base="BTC",
        quote="USDT",
        settle="USDT",
        kind=Kind.PERPETUAL,
        sides=Sides.UNKNOWN,
        product_type=product_type,
    )


def requests_of(venue: Venue) -> list[Request]:
    """Return every kind of request that a venue makes."""
    listing = venue.plan_listing(venue.default_product_types or [""])
    return [*venue.plan([instrument("BTCUSDT", "USDT-FUTURES")]), *listing]


def test_bitget_asks_for_each_instrument_with_its_product_type() -> None:
    """The endpoint takes one symbol, and its product type with it."""
    requests = VENUES["bitget"].plan(
        [instrument("BTCUSDT", "USDT-FUTURES"), instrument("龙虾USDT", "USDT-FUTURES")]
    )

    assert [
        ("GET", "/api/v2/mix/market/open-interest", "BTCUSDT"),
        ("GET", "/api/v2/mix/market/open-interest", "龙虾USDT"),
    ] == [(request.method, request.path, request.symbol) for request in requests]
    assert {"symbol": "龙虾USDT", "productType": "USDT-FUTURES"} == requests[1].query


def test_bitget_leaves_demo_markets_alone_unless_told() -> None:
    """Play money is permitted, but nobody gets it by default."""
    bitget = VENUES["bitget"]

    assert set(bitget.product_types) - set(bitget.default_product_types) == {
        "SUSDT-FUTURES",
        "SCOIN-FUTURES",
        "SUSDC-FUTURES",
    }


def test_htx_asks_once_for_swaps_and_futures_together() -> None:
    """One request brings everything, however many instruments there are."""
    (request,) = VENUES["htx"].plan([instrument(str(number)) for number in range(361)])

    assert ("GET", "/linear-swap-api/v1/swap_open_interest", {"business_type": "all"}) == (
        request.method,
        request.path,
        request.query,
    )


def test_htx_has_both_documented_hosts() -> None:
    """The second is the one to turn to."""
    assert VENUES["htx"].base_urls == ("https://api.hbdm.com", "https://api.hbdm.vn")


def test_synthetix_posts_the_documented_body() -> None:
    """The action is inside `params`."""
    (request,) = VENUES["synthetix"].plan([])

    assert ("POST", "/v1/info", {"params": {"action": "getOpenInterest"}}) == (
        request.method,
        request.path,
        request.body,
    )


@pytest.mark.parametrize(
    ("venue", "limits"),
    [
        ("bitget", {("bitget.open-interest", 20, 1), ("bitget.ip", 6000, 60)}),
        ("htx", {("htx.public", 240, 3)}),
        (
            "synthetix",
            {("synthetix.info", 100, 1), ("synthetix.info", 1000, 60), ("synthetix.info", 600, 60)},
        ),
    ],
)
def test_a_sweep_is_charged_to_the_documented_limits(
    venue: str, limits: set[tuple[str, int, float]]
) -> None:
    """Counts and windows are those of the documents."""
    requests = VENUES[venue].plan([instrument("BTCUSDT", "USDT-FUTURES")])

    assert limits == {(limit.scope, limit.count, limit.seconds) for limit in requests[0].limits}


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
def test_every_request_is_charged_to_declared_limits(venue: Venue) -> None:
    """A request without a limit, or with one that the limiter was not told of, cannot be sent."""
    for request in requests_of(venue):
        assert request.limits
        assert set(request.limits) <= set(venue.limits)


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
def test_every_limit_says_where_it_is_from(venue: Venue) -> None:
    """Nobody has to guess which document a number comes from."""
    assert all(limit.source for limit in venue.limits)


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
def test_the_module_is_named_like_the_venue(venue: Venue) -> None:
    """One spelling everywhere: module, configuration, column and test folder."""
    assert venue.name in {source.stem for source in SOURCES}
    assert (Path(__file__).parent / "cases" / venue.name).is_dir()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_venue_modules_do_nothing_but_compute(source: Path) -> None:
    """No input or output, no clock, no log, no `async` below `venues/`."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert not imported & FORBIDDEN
    assert not called & {"now", "utcnow", "today"}
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in ast.walk(tree))


def test_two_venues_of_one_name_are_refused() -> None:
    """The second would silently replace the first."""
    with pytest.raises(ValueError, match="two venues are named htx"):
        registry([VENUES["htx"], VENUES["htx"]])
