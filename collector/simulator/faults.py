"""Faults: which kinds there are, and how one is written on the command line or in JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

VENUES = ("bitget", "htx", "synthetix")
ANY = "*"
Param = str | int | float | None

# Where in a request's life a kind acts, in that order.
UNCOUNTED, WHOLE, CLOCK, ROW, BODY = "uncounted", "whole", "clock", "row", "body"

MALFORMATIONS = (
    "missing",
    "null",
    "negative",
    "nan",
    "infinity",
    "boolean",
    "wrong-type",
    "spaces",
    "underscore",
    "non-ascii",
    "exponent",
    "timestamp",
    "bare-nan",
)


class FaultError(ValueError):
    """A fault was written wrongly; the message says how to write it."""


def _number(text: str, low: float, high: float, what: str = "parameter") -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not (isfinite(number) and low <= number <= high):
        raise FaultError(f"the {what} is a number from {low:g} to {high:g}, not {text!r}")
    return number


def _seconds(text: str) -> Param:
    return _number(text, 0, 1e6)


def _shift(text: str) -> Param:
    return _number(text, -1e12, 1e12)


def _megabytes(text: str) -> Param:
    return _number(text, 0.001, 100_000)


def _one_of(*words: str) -> Callable[[str], Param]:
    def parse(text: str) -> Param:
        if text not in words:
            raise FaultError(f"the parameter is one of {', '.join(words)}, not {text!r}")
        return text

    return parse


def _retry_after(text: str) -> Param:
    if text in {"none", "date"}:
        return None if text == "none" else text
    return int(_number(text, 0, 1e6))


def _any_text(text: str) -> Param:
    if not text.isprintable():
        raise FaultError("the parameter is one line of text")
    return text


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: where it acts, its parameter, and what it does, in words for `--help`."""

    stage: str
    about: str
    parse: Callable[[str], Param] | None = None
    default: Param = None


KINDS: Mapping[str, Kind] = {
    "drop-before": Kind(
        UNCOUNTED, "close before the request counts; PARAM reset", _one_of("reset")
    ),
    "drop-after": Kind(WHOLE, "close without an answer; PARAM reset", _one_of("reset")),
    "stall": Kind(WHOLE, "accept and never answer"),
    "429": Kind(WHOLE, "HTTP 429; PARAM Retry-After: none, seconds, date", _retry_after),
    "ban": Kind(WHOLE, "HTTP 418, or PARAM 403", _one_of("418", "403"), "418"),
    "500": Kind(WHOLE, "HTTP 500 with the venue's error"),
    "503": Kind(WHOLE, "HTTP 503 with the venue's error"),
    "maintenance": Kind(WHOLE, "the venue's maintenance error"),
    "error-in-200": Kind(WHOLE, "the venue's error envelope with HTTP 200"),
    "html": Kind(WHOLE, "HTTP 200 with an HTML page"),
    "html502": Kind(WHOLE, "HTTP 502 with an HTML page"),
    "empty": Kind(WHOLE, "HTTP 200 with an empty body"),
    "redirect": Kind(WHOLE, "HTTP 302 to PARAM", _any_text, "/_sim/moved"),
    "huge": Kind(WHOLE, "a body of PARAM MB (64)", _megabytes, 64),
    "bomb": Kind(WHOLE, "a gzip body that inflates to PARAM MB (256)", _megabytes, 256),
    "frozen-clock": Kind(CLOCK, "exchange time stands still"),
    "clock-offset": Kind(CLOCK, "exchange time is off by PARAM s (3600)", _shift, 3600),
    "clock-backwards": Kind(CLOCK, "exchange time runs backwards"),
    "zero-ts": Kind(CLOCK, "exchange time is 0"),
    "malformed-row": Kind(ROW, "one bad row; PARAM its sort", _one_of(*MALFORMATIONS)),
    "duplicate-row": Kind(ROW, "one row twice"),
    "wrong-symbol": Kind(ROW, "one row under another symbol"),
    "silent-zero": Kind(ROW, "one market's leg reads 0 (Synthetix)"),
    "cut-json": Kind(BODY, "valid HTTP with half of the JSON"),
    "truncated": Kind(BODY, "close in the middle of the body"),
    "slow-body": Kind(BODY, "drip the body over PARAM s (5)", _seconds, 5),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: hits a share `rate` of a venue's requests, perhaps only some, perhaps `times`."""

    venue: str
    kind: str
    rate: float
    param: Param = None
    listener: int | None = None
    endpoint: str | None = None
    times: int | None = None


def parse_fault(text: str) -> Fault:
    """Read `VENUE[@PORT]:KIND:RATE[:PARAM]`, as on the command line."""
    names = ("venue", "kind", "rate", "param")
    fields: dict[str, object] = dict(zip(names, text.split(":", 3), strict=False))
    if "rate" not in fields:
        raise FaultError(f"fault {text!r}: write VENUE[@PORT]:KIND:RATE[:PARAM]")
    venue, at, port = str(fields["venue"]).partition("@")
    if at:
        fields |= {"venue": venue, "listener": port}
    try:
        return _build(fields)
    except FaultError as error:
        raise FaultError(f"fault {text!r}: {error}") from None


def build_fault(fields: Mapping[str, object]) -> Fault:
    """Check a fault's fields, as JSON gives them to `/_sim/faults`."""
    try:
        return _build(fields)
    except FaultError as error:
        raise FaultError(f"fault {dict(fields)}: {error}") from None


def _build(fields: Mapping[str, object]) -> Fault:
    known = ("venue", "kind", "rate", "param", "listener", "endpoint", "times")
    if unknown := [key for key in fields if key not in known]:
        raise FaultError(f"there is no {unknown[0]!r}; there are {', '.join(known)}")
    venue, name = fields.get("venue"), str(fields.get("kind"))
    if venue != ANY and venue not in VENUES:
        raise FaultError(f"the venue is {ANY} or one of {', '.join(VENUES)}")
    if name not in KINDS:
        raise FaultError(f"the kind is one of {', '.join(KINDS)}")
    if name == "silent-zero" and venue not in {ANY, "synthetix"}:
        raise FaultError("silent-zero is known of synthetix only")
    param = _param(KINDS[name], fields.get("param"))
    if param == "timestamp" and name == "malformed-row" and venue == "htx":
        raise FaultError("htx has no timestamp in its rows")
    rate = fields.get("rate", 1.0)
    if isinstance(rate, bool) or not isinstance(rate, str | int | float):
        raise FaultError("the rate is a number from 0 to 1")
    endpoint = fields.get("endpoint")
    if endpoint is not None and not isinstance(endpoint, str):
        raise FaultError("the endpoint is a path")
    return Fault(
        venue=str(venue),
        kind=name,
        rate=_number(str(rate), 0, 1, "rate"),
        param=param,
        listener=_whole(fields, "listener"),
        endpoint=endpoint,
        times=_whole(fields, "times"),
    )


def _param(kind: Kind, given: object) -> Param:
    if given is None:
        return kind.default
    if kind.parse is None:
        raise FaultError("this kind takes no parameter")
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise FaultError("the parameter is text or a number")
    return kind.parse(str(given))


def _whole(fields: Mapping[str, object], name: str) -> int | None:
    given = fields.get(name)
    if given is None:
        return None
    text = str(given)
    if not (text.isascii() and text.isdigit()):
        raise FaultError(f"{name} is a whole number")
    return int(text)
