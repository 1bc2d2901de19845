"""Every error that the collector raises on purpose.

    CollectorError
    ├── ConfigError            the user's input is wrong: exit status 2
    ├── VenueError             one request gave no usable reply
    │   ├── NoAnswer           nothing came back: DNS, connect, TLS, time-out, dropped connection
    │   ├── RateLimited        the venue says too many requests
    │   ├── Banned             the venue shuts this address out for a while
    │   ├── ServerFault        5xx, or the venue's own code for "not now"
    │   ├── RequestRefused     any other 4xx or a redirect: asking again will not help
    │   ├── InstrumentGone     the venue does not know the instrument, or no longer
    │   ├── ErrorReply         an error inside a reply with status 200
    │   ├── NotJson            HTML, an empty body, or anything else that is not JSON
    │   ├── BodyTruncated      the body ended early
    │   ├── BodyTooLarge       the body is larger than any documented reply
    │   ├── PayloadError       JSON, but not of the documented shape
    │   └── BudgetClosed       not sent: the limiter stays shut beyond the poll's deadline
    ├── JournalError           the durable queue cannot be used
    │   ├── JournalFull        bounded, and the bound is reached (or the disk is full)
    │   └── JournalInUse       another process has it
    ├── OutputError            what was to be written for the user cannot be
    └── DatabaseError
        ├── DatabaseUnavailable   may pass: try again
        │   └── DatabaseSlow      no answer in time: try again with less
        ├── RowsRefused           about the data: one of these rows, at least, is at fault
        └── MigrationError        the schema is not what this version needs

Decisions are taken from classes and fields, never from the text of a message.
"""

from dataclasses import dataclass, field
from typing import ClassVar


class CollectorError(Exception):
    """Something went wrong that one sentence can explain."""


class ConfigError(CollectorError):
    """What the user wrote is wrong; `problems` has a line for each fault."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {line}" for line in problems)]))


@dataclass(eq=False)
class VenueError(CollectorError):
    """One request gave no usable reply.

    Attributes:
        detail: what happened, in a few words.
        venue: the venue's name.
        endpoint: method and path.
        symbol: the instrument asked for, where the request was for one.
        status: the HTTP status, where there was one.
        code: the venue's own error code, where the body has one.
        retry_after: seconds that the venue asks us to wait, where it says so.
    """

    detail: str
    venue: str = field(default="", kw_only=True)
    endpoint: str = field(default="", kw_only=True)
    symbol: str | None = field(default=None, kw_only=True)
    status: int | None = field(default=None, kw_only=True)
    code: str | None = field(default=None, kw_only=True)
    retry_after: float | None = field(default=None, kw_only=True)

    kind: ClassVar[str] = "venue_error"
    """The error's name in logs, metrics and the `polls` table."""

    retryable: ClassVar[bool] = False
    """Whether the same request may well succeed a moment later."""

    counts_against_venue: ClassVar[bool] = True
    """Whether it says something about the venue, not just about one instrument."""

    def __str__(self) -> str:
        facts = [self.kind]
        if self.status is not None:
            facts.append(f"status {self.status}")
        if self.code is not None:
            facts.append(f"code {self.code}")
        if self.symbol is not None:
            facts.append(self.symbol)
        return f"{self.venue} {self.endpoint}: {self.detail} ({', '.join(facts)})"


class NoAnswer(VenueError):
    """Nothing came back; the request may or may not have been counted by the venue."""

    kind = "no_answer"
    retryable = True


class RateLimited(VenueError):
    """The venue says too many requests; the limiter shuts for as long as it asks."""

    kind = "rate_limited"
    retryable = True


class Banned(VenueError):
    """The venue shuts this address out; the poll ends and the limiter stays shut."""

    kind = "banned"


class ServerFault(VenueError):
    """The venue has trouble; the request is tried again, a little later."""

    kind = "server_fault"
    retryable = True


class RequestRefused(VenueError):
    """The venue understood and said no; only a human can mend that."""

    kind = "refused"


class InstrumentGone(VenueError):
    """The venue does not know the instrument any more; the listing is refreshed."""

    kind = "instrument_gone"
    counts_against_venue = False


class ErrorReply(VenueError):
    """The venue's error envelope came with status 200; asking again will not help."""

    kind = "error_reply"


class NotJson(VenueError):
    """The body is HTML, empty, or anything else that is not JSON; it is tried again."""

    kind = "not_json"
    retryable = True


class BodyTruncated(VenueError):
    """The body ended before its announced end; it is tried again."""

    kind = "body_truncated"
    retryable = True


class BodyTooLarge(VenueError):
    """The body is larger than any documented reply; reading stopped at the cap."""

    kind = "body_too_large"


class PayloadError(VenueError):
    """The reply is JSON but not of the documented shape; nothing of it is stored."""

    kind = "payload"
    counts_against_venue = False


class BudgetClosed(VenueError):
    """The request was not sent: the limiter stays shut beyond the poll's deadline."""

    kind = "budget_closed"


class JournalError(CollectorError):
    """The durable queue on local disk cannot be used; polls are refused until it can."""


class JournalFull(JournalError):
    """The journal has reached its bound, or its disk is full; what it holds stays."""


class JournalInUse(JournalError):
    """Another process has this journal open."""


class OutputError(CollectorError):
    """What was to be written for the user cannot be; nothing of it is left."""


class DatabaseError(CollectorError):
    """TimescaleDB did not do what was asked; `sqlstate` is its code, where it gave one."""

    def __init__(self, detail: str, *, sqlstate: str | None = None) -> None:
        self.sqlstate = sqlstate
        super().__init__(detail)


class DatabaseUnavailable(DatabaseError):
    """The database is away or unwilling just now; the sink tries again without end."""


class DatabaseSlow(DatabaseUnavailable):
    """It did not answer in time; a smaller batch may get through."""


class RowsRefused(DatabaseError):
    """The database refuses these rows for what is in them; the sink looks for the one at fault."""


class MigrationError(DatabaseError):
    """The schema cannot be brought to what this version needs; a human has to look."""
