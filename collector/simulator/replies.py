"""What a request asks and what a venue answers, before either has anything to do with a socket."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from json import JSONEncoder
from typing import Protocol

from collector.simulator.board import Hit
from collector.simulator.limits import Limit, Verdict
from collector.simulator.market import Instrument, Market

# One encoder for all: json.dumps makes a new one for every call that sets an option.
_ENCODER = JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class Call:
    """One request; times in milliseconds.

    `exchange_ms` is what the venue's data clock shows, `wall_ms` unless a clock fault is at work;
    `elapsed_ms` is the simulated time, from which all figures follow.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    wall_ms: int
    exchange_ms: int
    elapsed_ms: int
    hits: Sequence[Hit] = ()


@dataclass(slots=True)
class Row:
    """One instrument's open interest as served: its JSON text, and the same for the ledger.

    `amounts` maps each field to the exact text on the wire, without the quotes of a string.
    """

    symbol: str
    exchange_ms: int
    amounts: dict[str, str]
    text: str
    fault: str | None = None


@dataclass(slots=True)
class Reply:
    """A whole answer; `rows` are the open-interest values in it."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of a venue and the limits that meter it.

    A request is one for open interest if the endpoint serves it and the body contains `asked_by`.
    """

    path: str
    handle: Callable[[Call], Reply]
    scopes: tuple[str, ...]
    method: str = "GET"
    serves_open_interest: bool = False
    asked_by: bytes = b""
    most_body_bytes: int = 0


class Venue(Protocol):
    """What the server asks of a venue; every method is a pure function of its arguments' time."""

    name: str
    market: Market
    endpoints: tuple[Endpoint, ...]
    limits: tuple[Limit, ...]
    prefixes: tuple[str, ...]

    def failure(self, kind: str, call: Call) -> Reply:
        """Answer as the venue does when it fails: `500`, `503`, `maintenance`, `error-in-200`."""

    def over_limit(self, call: Call, verdict: Verdict, status: int | None = None) -> Reply:
        """Answer a request above the limit; `status` replaces the usual one."""

    def add_limit_headers(self, call: Call, verdict: Verdict, reply: Reply) -> None:
        """Put the venue's limit headers on a reply."""

    def refuse(self, status: int, call: Call) -> Reply:
        """Answer an unknown path (404), a wrong method (405) or a body that is too large (413)."""

    def draft(self, symbol: str) -> Instrument:
        """Make a new instrument of this venue from nothing but its symbol."""


def quoted(text: str) -> str:
    """Write a JSON string as the venues do, in plain UTF-8."""
    return _ENCODER.encode(text)


def compact(value: object) -> str:
    """Write JSON without spaces, in plain UTF-8."""
    return _ENCODER.encode(value)
