"""How faults are written, and which requests they hit."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator
from collector.simulator.board import FaultBoard
from collector.simulator.faults import KINDS, Fault, FaultError, build_fault, parse_fault

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

HTX = "/linear-swap-api/v1/swap_open_interest"
STAGES = {kind.stage for kind in KINDS.values()}


def board(seed: int = 1) -> FaultBoard:
    """Make a board of one endpoint and two listeners."""
    return FaultBoard(seed, lambda: 0, [HTX], [8101, 8102])


def hits(faults: FaultBoard, count: int, listener: int = 8101) -> list[tuple[str, ...]]:
    """Draw for so many requests to HTX."""
    drawn = (faults.draw(STAGES, "htx", HTX, listener) for _ in range(count))
    return [tuple(hit.kind for hit in each) for each in drawn]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("htx:500:1", Fault("htx", "500", 1.0)),
        ("*:429:0.25:date", Fault("*", "429", 0.25, "date")),
        ("*:429:1:none", Fault("*", "429", 1.0)),
        ("bitget:429:1:3", Fault("bitget", "429", 1.0, 3)),
        ("htx@8101:ban:1:403", Fault("htx", "ban", 1.0, "403", 8101)),
        ("htx:ban:1", Fault("htx", "ban", 1.0, "418")),
        ("htx:redirect:1:http://x/?a:b", Fault("htx", "redirect", 1.0, "http://x/?a:b")),
        ("*:clock-offset:1:-7.5", Fault("*", "clock-offset", 1.0, -7.5)),
        ("synthetix:malformed-row:0.1:nan", Fault("synthetix", "malformed-row", 0.1, "nan")),
    ],
)
def test_a_fault_is_written_in_one_word(text: str, fault: Fault) -> None:
    """VENUE[@PORT]:KIND:RATE[:PARAM], and every kind has its default parameter."""
    assert parse_fault(text) == fault


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_can_be_written(name: str) -> None:
    """With no parameter, for all venues."""
    assert parse_fault(f"*:{name}:0.5") == Fault("*", name, 0.5, KINDS[name].default)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("htx", "write VENUE"),
        ("htx:500", "write VENUE"),
        ("nyse:500:1", "the venue is \\* or one of bitget, htx, synthetix"),
        ("htx:explode:1", "the kind is one of drop-before, drop-after, stall"),
        ("htx:500:often", "the rate is a number from 0 to 1, not 'often'"),
        ("htx:500:1.1", "the rate is a number from 0 to 1, not '1.1'"),
        ("htx:500:nan", "the rate is a number from 0 to 1"),
        ("htx:500:1:x", "takes no parameter"),
        ("htx:ban:1:404", "the parameter is one of 418, 403, not '404'"),
        ("htx:429:1:soon", "the parameter is a number"),
        ("htx:huge:1:0", "the parameter is a number"),
        ("htx:redirect:1:a\r\nb", "one line of text"),
        ("htx@x:500:1", "listener is a whole number"),
        ("htx:silent-zero:1", "synthetix only"),
        ("htx:malformed-row:1:timestamp", "htx has no timestamp"),
        ("htx:malformed-row:1:odd", "the parameter is one of missing, null"),
    ],
)
def test_a_badly_written_fault_is_refused_with_its_text(text: str, message: str) -> None:
    """The message quotes it and says what would be right."""
    with pytest.raises(FaultError, match=message) as caught:
        parse_fault(text)
    assert str(caught.value).startswith(f"fault {text!r}: ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"venue": "htx"}, "the kind is one of"),
        ({"venue": "htx", "kind": "500", "rates": 1}, "there is no 'rates'"),
        ({"venue": "htx", "kind": "500", "rate": True}, "the rate is a number"),
        ({"venue": "htx", "kind": "500", "times": -1}, "times is a whole number"),
        ({"venue": "htx", "kind": "500", "times": 1.5}, "times is a whole number"),
        ({"venue": "htx", "kind": "429", "param": [1]}, "the parameter is text or a number"),
        ({"venue": "htx", "kind": "500", "endpoint": 1}, "the endpoint is a path"),
        ({"venue": ["htx"], "kind": "500"}, "the venue is"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, object], message: str) -> None:
    """JSON is checked as strictly as the command line."""
    with pytest.raises(FaultError, match=message):
        build_fault(fields)


def test_the_same_seed_hits_the_same_requests() -> None:
    """A rate is drawn from the seed, about as often as it says, and not all alike."""
    boards = [board(1), board(1), board(2)]
    for each in boards:
        each.add("htx:500:0.3")
    first, again, other = (hits(each, 1000) for each in boards)
    assert first == again != other
    assert 250 < Counter(first)[("500",)] < 350


def test_a_new_fault_does_not_shift_the_draws_of_another() -> None:
    """Each draws for itself."""
    alone, together = board(), board()
    alone.add("htx:500:0.3")
    together.add("htx:500:0.3", "htx:slow-body:0.5", "htx:zero-ts:0.5")
    assert hits(alone, 200) == [
        tuple(kind for kind in each if kind == "500") for each in hits(together, 200)
    ]


def test_one_reply_fails_once_but_may_have_many_bad_rows() -> None:
    """Of the kinds that replace a reply the first wins, and it alone counts a hit."""
    faults = board()
    faults.add("htx:500:1", "htx:503:1", "htx:malformed-row:1", "htx:duplicate-row:1")
    assert hits(faults, 1) == [("500", "malformed-row", "duplicate-row")]
    assert [each["hits"] for each in faults.report()] == [1, 0, 1, 1]


def test_a_fault_can_be_limited_in_number() -> None:
    """`times` requests are hit and then no more."""
    faults = board()
    faults.add({"venue": "htx", "kind": "500", "times": 2})
    assert hits(faults, 4) == [("500",), ("500",), (), ()]


def test_faults_change_all_or_none() -> None:
    """One bad fault among good ones changes nothing."""
    faults = board()
    faults.add("htx:500:1")
    with pytest.raises(FaultError, match="the rate"):
        faults.add("htx:503:1", "htx:503:2")
    with pytest.raises(FaultError, match="no listener on port 99; there is 8101, 8102"):
        faults.replace("htx:503:1", "htx@99:503:1")
    with pytest.raises(FaultError, match="the venue"):
        faults.change(remove=[1], add=["nyse:503:1"])
    with pytest.raises(FaultError, match="no fault number 2"):
        faults.change(remove=[1, 2], add=[])
    assert hits(faults, 1) == [("500",)]
    faults.clear()
    assert hits(faults, 1) == [()]


async def test_a_fault_can_be_limited_to_one_listener(start: Start, ask: Ask) -> None:
    """Of HTX's two hosts one fails and the other serves."""
    simulator = await start(port=(0, 0))
    assert len(set(simulator.base_urls)) == 2
    port = int(simulator.base_urls[1].rpartition(":")[2])
    simulator.faults.add(f"htx@{port}:500:1")
    statuses = [(await ask(simulator, HTX, listener=each)).status for each in (0, 1)]
    assert statuses == [200, 500]


async def test_a_replaced_reply_may_also_drip(start: Start, ask: Ask) -> None:
    """Whichever was added first, the error is what is sent, slowly."""
    simulator = await start(faults=("htx:slow-body:1:0.01", "htx:500:1"))
    reply = await ask(simulator, HTX)
    assert (reply.status, (await reply.json())["status"]) == (500, 500)
