"""Synthetix V4: one POST endpoint, all markets in one call, both legs apart (facts 3)."""

import json
from collections.abc import Iterable, Sequence

from collector.simulator import synthetix_listing
from collector.simulator.decimals import natural
from collector.simulator.limits import Limit, Verdict
from collector.simulator.market import Instrument, Market, Walk
from collector.simulator.options import SimulatorOptions
from collector.simulator.replies import Call, Endpoint, Reply, Row, Venue, compact
from collector.simulator.rows import Anatomy, spoil
from collector.simulator.seeding import seeded

MOST_BODY_BYTES = 20 * 1024
PRICES_CACHE_MS = 1000
LEGS = ("longOpenInterest", "shortOpenInterest")
ANATOMY = Anatomy("symbol", ("openInterest", *LEGS), timestamp=True, strings=True, legs=LEGS)

# Status, category and whether to retry, for each code (facts 3.3); 413 has no documented code.
ERRORS = {
    "VALIDATION_ERROR": (400, "REQUEST", False),
    "MISSING_REQUIRED_FIELD": (400, "REQUEST", False),
    "INVALID_FORMAT": (400, "REQUEST", False),
    "NOT_FOUND": (404, "REQUEST", False),
    "METHOD_NOT_ALLOWED": (405, "REQUEST", False),
    "RATE_LIMIT_EXCEEDED": (429, "RATE_LIMIT", True),
    "INTERNAL_ERROR": (500, "SYSTEM", True),
    "REQUEST_TIMEOUT": (503, "SYSTEM", True),
    "SERVICE_UNAVAILABLE": (503, "SYSTEM", True),
}


class Synthetix(Venue):
    """Synthetix: 1000 requests a minute and 100 a second, or a token bucket (facts 3.4)."""

    name = "synthetix"
    prefixes = ("/v1/",)

    def __init__(self, options: SimulatorOptions, walk: Walk, now_ms: int) -> None:
        del now_ms  # nothing here expires
        self.market = Market(synthetix_listing.listing(options), walk)
        self._options = options
        self._rng = seeded(options.seed, "synthetix", "request")
        self._closed = synthetix_listing.closed(options)
        windows = (Limit("synthetix.minute", 1000, 60), Limit("synthetix.second", 100, 1))
        bucket = (Limit("synthetix.bucket", 10_000, 10, bucket=True),)
        self.limits = bucket if options.synthetix_limiter == "bucket" else windows
        self.endpoints = (
            Endpoint(
                "/v1/info",
                self.info,
                tuple(limit.scope for limit in self.limits),
                method="POST",
                serves_open_interest=True,
                asked_by=b"getOpenInterest",
                most_body_bytes=MOST_BODY_BYTES,
            ),
        )

    def info(self, call: Call) -> Reply:
        """Answer an action, which stands in `params` or at the top (facts 3.1)."""
        try:
            asked = json.loads(call.body)
            params = asked.get("params", asked)
            action = params.get("action")
        except (ValueError, AttributeError):
            return self._error(call, "INVALID_FORMAT", "Request body must be a JSON object")
        match action:
            case None:
                return self._error(call, "MISSING_REQUIRED_FIELD", "action is required")
            case "getOpenInterest":
                return self._open_interest(call)
            case "getMarkets":
                return self._markets(call, active_only=params.get("activeOnly") is True)
            case "getMarketPrices":
                return self._prices(call)
            case _:
                return self._error(call, "VALIDATION_ERROR", "Unsupported action")

    def _open_interest(self, call: Call) -> Reply:
        """Serve all markets; every row has the time of the reply (facts 3.1)."""
        rows: Sequence[Row] = [
            self._row(instrument, call.elapsed_ms, call.exchange_ms)
            for instrument in self._visible(call.elapsed_ms)
        ]
        rows = spoil(rows, call.hits, ANATOMY, self.market)
        reply = self._success(call, f"[{','.join(row.text for row in rows)}]")
        reply.rows = rows
        return reply

    def _row(self, instrument: Instrument, elapsed_ms: int, exchange_ms: int) -> Row:
        total, long, short = self._figures(instrument, elapsed_ms)
        amounts = {"openInterest": total, LEGS[0]: long, LEGS[1]: short}
        return Row(
            instrument.symbol,
            exchange_ms,
            amounts,
            compact({"symbol": instrument.symbol, **amounts, "timestamp": exchange_ms}),
        )

    def _figures(self, instrument: Instrument, elapsed_ms: int) -> tuple[str, str, str]:
        lots = instrument.lots_at(self.market.walk, elapsed_ms)
        gap = lots * instrument.skew_per_mille // 1000
        digits = -instrument.lot_exponent
        # The legs differ, 3.6 % at the median, and the total is exactly their sum (facts 3.2).
        figures = (2 * lots, lots + gap, lots - gap)
        total, long, short = (natural(figure, digits) for figure in figures)
        return total, long, short

    def _visible(self, elapsed_ms: int) -> Iterable[Instrument]:
        """List the markets as of the last refresh of the server's list, up to 60 s ago."""
        cache_ms = round(self._options.synthetix_cache_seconds * 1000)
        refreshed_ms = elapsed_ms - elapsed_ms % cache_ms if cache_ms else elapsed_ms
        for instruments in (self.market.listed, self.market.gone):
            for instrument in instruments.values():
                gone_ms = instrument.gone_ms
                if instrument.listed_ms <= refreshed_ms and (
                    gone_ms is None or gone_ms > refreshed_ms
                ):
                    yield instrument

    def _markets(self, call: Call, *, active_only: bool) -> Reply:
        """Describe the markets; closed ones too unless only active ones are asked for (3.5)."""
        described = [
            synthetix_listing.describe(each, is_open=True)
            for each in self._visible(call.elapsed_ms)
        ]
        if not active_only:
            described += [synthetix_listing.describe(each, is_open=False) for each in self._closed]
        return self._success(call, compact(described))

    def _prices(self, call: Call) -> Reply:
        """Serve prices by symbol; a reply of the same second comes from a cache (facts 3.1)."""
        age_ms = call.elapsed_ms % PRICES_CACHE_MS
        elapsed_ms, exchange_ms = call.elapsed_ms - age_ms, call.wall_ms - age_ms
        prices, rows = {}, []
        for instrument in self._visible(call.elapsed_ms):
            ticks = instrument.price_at(self.market.walk, elapsed_ms)
            price = natural(ticks, instrument.price_digits)
            total = self._figures(instrument, elapsed_ms)[0]
            rows.append(Row(instrument.symbol, exchange_ms, {"openInterest": total}, ""))
            prices[instrument.symbol] = {
                "symbol": instrument.symbol,
                "lastPrice": price,
                "markPrice": price,
                "indexPrice": price,
                "bestBidPrice": natural(ticks - 1, instrument.price_digits),
                "bestAskPrice": natural(ticks + 1, instrument.price_digits),
                "fundingRate": "0.00001",
                "openInterest": total,
                "onHours": True,
                "timestamp": exchange_ms,
            }
        reply = self._success(call, compact(prices))
        reply.rows = rows
        return reply

    def failure(self, kind: str, call: Call) -> Reply:
        """Fail the whole reply: Synthetix never serves a part of its markets (facts 3.1)."""
        if kind == "503":
            return self._error(call, "REQUEST_TIMEOUT", "Request timed out")
        if kind == "maintenance":
            message = "Service is draining for deployment"
            return self._error(call, "SERVICE_UNAVAILABLE", message)
        reply = self._error(call, "INTERNAL_ERROR", "Could not get positions data")
        reply.status = 200 if kind == "error-in-200" else 500
        return reply

    def over_limit(self, call: Call, verdict: Verdict, status: int | None = None) -> Reply:
        """Answer RATE_LIMIT_EXCEEDED with HTTP 429 (facts 3.3)."""
        del verdict, status
        return self._error(call, "RATE_LIMIT_EXCEEDED", "Too many requests")

    def add_limit_headers(self, call: Call, verdict: Verdict, reply: Reply) -> None:
        """Show no limit headers unless asked to: none were found (facts 3.4)."""
        del call
        if self._options.synthetix_limit_headers:
            reply.headers["x-ratelimit-limit"] = str(verdict.limit.count)
            reply.headers["x-ratelimit-remaining"] = str(verdict.remaining)

    def refuse(self, status: int, call: Call) -> Reply:
        """Answer an unknown path, a wrong method or a body above 20 KB (facts 3.3)."""
        if status == 404:  # noqa: PLR2004 - an HTTP status
            return self._error(call, "NOT_FOUND", "Not found")
        if status == 405:  # noqa: PLR2004 - an HTTP status
            return self._error(call, "METHOD_NOT_ALLOWED", "Method not allowed")
        reply = self._error(call, "VALIDATION_ERROR", "Request body too large")
        reply.status = status
        return reply

    def draft(self, symbol: str) -> Instrument:
        """Make a new market from its symbol."""
        return synthetix_listing.draft(self._options.seed, symbol)

    def _request_id(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"

    def _success(self, call: Call, response: str) -> Reply:
        number = self._request_id()
        body = (
            f'{{"status":"ok","response":{response},"timestamp":{call.wall_ms},'
            f'"requestId":"{number}","request_id":"{number}"}}'
        )
        return Reply(body.encode())

    def _error(self, call: Call, code: str, message: str) -> Reply:
        status, category, retryable = ERRORS[code]
        number = self._request_id()
        body = {
            "status": "error",
            "error": {
                "code": code,
                "category": category,
                "message": message,
                "retryable": retryable,
            },
            "timestamp": call.wall_ms,
            "requestId": number,
            "request_id": number,
        }
        return Reply(compact(body).encode(), status)
