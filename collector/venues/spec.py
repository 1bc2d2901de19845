"""What a venue declares: data and pure functions, nothing that acts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

from collector.models import Instrument, Listing, Parsed, SidesRule


@dataclass(frozen=True)
class RateLimit:
    """At most `count` requests in any window of `seconds`, over all that share `scope`.

    Two requests share a budget exactly if they name an equal RateLimit.
    """

    scope: str
    """What the venue meters together, e.g. one endpoint, or all public endpoints, per IP."""
    count: int
    seconds: float
    source: str
    """The document and the sentence that the numbers come from."""


@dataclass(frozen=True)
class Request:
    """One request of a sweep or of a listing, and the limits that it is charged to."""

    path: str
    limits: tuple[RateLimit, ...]
    method: Literal["GET", "POST"] = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    symbol: str | None = None
    """The one instrument that is asked for; None if the reply covers many."""
    max_bytes: int = 4 * 2**20
    """Reading stops here: several times the largest reply seen, a second's work at the worst."""

    @property
    def endpoint(self) -> str:
        """Method and path, as logs and errors name it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """A decoded reply, with what a parser must know beside the payload."""

    request: Request
    payload: object
    received_at: datetime


class FaultKind(Enum):
    """What the collector does about an error that a venue reports in its own envelope."""

    RATE_LIMITED = "rate_limited"
    BANNED = "banned"
    TROUBLE = "trouble"
    """The venue is unwell, in maintenance or settling: it may pass."""
    GONE = "gone"
    """The instrument is unknown, or has been removed."""
    REFUSED = "refused"
    """Anything else: asking again will not help."""


@dataclass(frozen=True)
class Fault:
    """An error as the venue's own envelope states it."""

    kind: FaultKind
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Venue:
    """One venue: where it is, what it meters, how it is asked and how it is read.

    The functions are pure. `plan` and `parse` serve a sweep, `plan_listing` and `parse_listing`
    the discovery of instruments. Parsers raise `ShapeError` if a reply is not of the documented
    shape as a whole; a bad row among good ones ends in `rejects`.
    """

    name: str
    base_urls: tuple[str, ...]
    limits: tuple[RateLimit, ...]
    """Every limit that a request of this venue may be charged to."""
    plan: Callable[[Sequence[Instrument]], Sequence[Request]]
    parse: Callable[[Reply], Parsed]
    plan_listing: Callable[[Sequence[str]], Sequence[Request]]
    parse_listing: Callable[[Reply], Listing]
    sides: SidesRule
    """Whether its figures count a matched long and short once or twice; `config.yaml` may say
    otherwise."""
    fault: Callable[[object], Fault | None]
    """Read the venue's error envelope; None if the payload is no error."""
    remaining_header: str | None = None
    """The reply header that states how many requests are left of the request's first limit."""
    typical_instruments: int
    """How many were seen in 2026; `collector check` uses it when the venue cannot be reached."""
    longest_penalty: float
    """Seconds to stay away at the most after repeated refusals without a Retry-After."""
    product_types: tuple[str, ...] = ()
    """The values that the config key `product_types` permits; empty if there are none."""
    default_product_types: tuple[str, ...] = ()
