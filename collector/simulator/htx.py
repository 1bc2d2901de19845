"""HTX USDT-margined contracts: all rows in one call, bare numbers with 18 decimals (facts 2)."""

from collections.abc import Iterable, Sequence
from math import ceil

from collector.simulator import htx_listing
from collector.simulator.decimals import E18, fixed18, natural
from collector.simulator.limits import Limit, Verdict
from collector.simulator.market import Instrument, Market, Walk
from collector.simulator.options import SimulatorOptions
from collector.simulator.replies import Call, Endpoint, Reply, Row, Venue, compact, quoted
from collector.simulator.rows import Anatomy, spoil

ANATOMY = Anatomy("contract_code", ("volume", "amount", "value"), timestamp=False, strings=False)
V5_ANATOMY = Anatomy("contract_code", ("volume", "amount", "value"), timestamp=False, strings=True)
BUSINESS_TYPES = ("swap", "futures", "all")
CONTRACT_TYPES = ("swap", "this_week", "next_week", "quarter", "next_quarter")
MARGIN_MODES = ("all", "cross", "isolated")
ZERO = "0E-18"


class Htx(Venue):
    """HTX: 240 requests in 3 s, one budget for open interest and discovery (facts 2.5).

    V5 is metered apart, by as much: its own limit is not documented.
    """

    name = "htx"
    prefixes = ("/linear-swap-api/", "/swap-api/", "/v5/", "/api/v1/", "/heartbeat/")

    def __init__(self, options: SimulatorOptions, walk: Walk, now_ms: int) -> None:
        instruments, dead = htx_listing.listing(options, now_ms)
        self.market = Market(instruments, walk)
        self.market.gone.update((instrument.symbol, instrument) for instrument in dead)
        self._options = options
        self._described: tuple[tuple[int, int], dict[str, str]] = ((-1, 0), {})
        self.limits = (
            Limit("htx.v1", 240, 3, options.htx_ban_seconds),
            Limit("htx.v5", 240, 3, options.htx_ban_seconds),
        )
        root = "/linear-swap-api/v1/"
        self.endpoints = (
            Endpoint(
                f"{root}swap_open_interest",
                self.open_interest,
                ("htx.v1",),
                serves_open_interest=True,
            ),
            Endpoint(f"{root}swap_contract_info", self.contract_info, ("htx.v1",)),
            Endpoint(
                "/v5/market/open_interest",
                self.v5_open_interest,
                ("htx.v5",),
                serves_open_interest=True,
            ),
        )

    def open_interest(self, call: Call) -> Reply:
        """Serve swaps, dated contracts or both, long gone ones among them (facts 2.1 and 2.7).

        `contract_code` goes before `pair` and `contract_type`. A dated contract's code without
        business_type futures or all answers 1014: the seed requires it and names no error.
        """
        market = self.market
        found = self._select(call, [*market.listed.values(), *market.gone.values()])
        if isinstance(found, Reply):
            return found
        rows = [self._row(instrument, call) for instrument in found]
        rows = list(spoil(rows, call.hits, ANATOMY, market))
        return _success(f"[{','.join(row.text for row in rows)}]", call.exchange_ms, rows)

    def contract_info(self, call: Call) -> Reply:
        """Describe the listed contracts (facts 2.4)."""
        found = self._select(call, self.market.listed.values())
        if isinstance(found, Reply):
            return found
        modes = call.query.get("support_margin_mode", "all")
        if modes not in MARGIN_MODES:
            return _error(call, 1067, "Illegal parameter support_margin_mode")
        described = self._descriptions(call.wall_ms)
        listed = [
            described[instrument.symbol]
            for instrument in found
            if modes in {"all", htx_listing.margin_mode(instrument)}
        ]
        return _success(f"[{','.join(listed)}]", call.exchange_ms)

    def v5_open_interest(self, call: Call) -> Reply:
        """Serve one contract: `data` is an object and its numbers are strings (facts 2.3)."""
        code = call.query.get("contract_code", "")
        if not code:
            return _v5_error(call, 1066, "contract_code cannot be empty")
        instrument = self.market.listed.get(code) or self.market.gone.get(code)
        if instrument is None:
            return _v5_error(call, 1014, "This contract doesnt exist.")
        figures = _Figures(instrument, self.market.walk, call.elapsed_ms)
        volume, digits = str(figures.volume), max(0, -instrument.lot_exponent)
        amount = natural(figures.amount // 10 ** (18 - digits), digits)
        value = natural(figures.value, 18)
        text = (
            f'{{"amount":"{amount}","volume":"{volume}","value":"{value}",'
            f'"contract_code":{quoted(code)},"trade_amount":"{figures.trade_amount}",'
            f'"trade_volume":"{figures.trade_volume}","trade_turnover":"{figures.turnover}"}}'
        )
        amounts = {"volume": volume, "amount": amount, "value": value}
        rows = [Row(code, call.exchange_ms, amounts, text)]
        rows = list(spoil(rows, call.hits, V5_ANATOMY, self.market))
        # One object and no list, so a row that stands twice can be seen only as a list.
        data = rows[0].text if len(rows) == 1 else f"[{','.join(row.text for row in rows)}]"
        body = f'{{"code":200,"message":"Success","data":{data},"ts":{call.exchange_ms}}}'
        return Reply(body.encode(), rows=rows)

    def _select(
        self, call: Call, instruments: Iterable[Instrument]
    ) -> Sequence[Instrument] | Reply:
        business = call.query.get("business_type") or "swap"
        code, pair = call.query.get("contract_code"), call.query.get("pair")
        contract_type = call.query.get("contract_type")
        if business not in BUSINESS_TYPES:
            return _error(call, 1067, "Illegal parameter business_type")
        if contract_type and contract_type not in CONTRACT_TYPES:
            return _error(call, 1033, "Contract period field error.")
        if code:
            instruments = [each for each in instruments if each.symbol == code]
        found = [
            each for each in instruments if business in {"all", htx_listing.business_type(each)}
        ]
        if code:
            return found or _error(call, 1014, "This contract doesnt exist.")
        if pair:
            found = [each for each in found if htx_listing.pair(each) == pair]
            if not found:
                return _error(call, 1013, "This contract symbol doesnt exist.")
        return [each for each in found if contract_type in {None, "", each.group}]

    def _row(self, instrument: Instrument, call: Call) -> Row:
        figures = _Figures(instrument, self.market.walk, call.elapsed_ms)
        volume, amount = fixed18(figures.volume * E18), fixed18(figures.amount)
        value = fixed18(figures.value)
        if figures.volume == 0 and instrument.index % 2 == 0 and not self._options.htx_plain_zero:
            volume = amount = value = ZERO
        pair = quoted(htx_listing.pair(instrument))
        text = (
            f'{{"volume":{volume},"amount":{amount},"symbol":{quoted(instrument.base)},'
            f'"value":{value},"contract_code":{quoted(instrument.symbol)},'
            f'"trade_amount":{figures.trade_amount},"trade_volume":{figures.trade_volume},'
            f'"trade_turnover":{figures.turnover},'
            f'"business_type":"{htx_listing.business_type(instrument)}","pair":{pair},'
            f'"contract_type":"{instrument.group}","trade_partition":"USDT"}}'
        )
        amounts = {"volume": volume, "amount": amount, "value": value}
        return Row(instrument.symbol, call.exchange_ms, amounts, text)

    def _descriptions(self, wall_ms: int) -> dict[str, str]:
        settlement_ms = htx_listing.next_settlement_ms(wall_ms)
        key = self.market.version, settlement_ms
        if self._described[0] != key:
            described = {
                instrument.symbol: htx_listing.describe(instrument, settlement_ms)
                for instrument in self.market.listed.values()
            }
            self._described = key, described
        return self._described[1]

    def failure(self, kind: str, call: Call) -> Reply:
        """Answer a failure: HTTP 200 with an error code, or the gateway's own error (facts 2.6)."""
        if kind in {"500", "503"}:
            return self.refuse(int(kind), call)
        code, message = {
            "maintenance": (1001, "System is not ready."),
            "error-in-200": (1000, "System error."),
        }[kind]
        return (_v5_error if call.path.startswith("/v5/") else _error)(call, code, message)

    def over_limit(self, call: Call, verdict: Verdict, status: int | None = None) -> Reply:
        """Answer 1032; with which HTTP status is unknown, so that is an option (facts 2.5)."""
        del verdict
        error = _v5_error if call.path.startswith("/v5/") else _error
        reply = error(call, 1032, "The number of access exceeded the limit.")
        reply.status = status or (429 if self._options.htx_over_limit == "429" else 200)
        return reply

    def add_limit_headers(self, call: Call, verdict: Verdict, reply: Reply) -> None:
        """Tell the V1 budget; seen on discovery, inferred for open interest (facts 2.5)."""
        if verdict.limit.scope == "htx.v1":
            reply.headers |= {
                "ratelimit-limit": str(verdict.limit.count),
                "ratelimit-interval": str(round(verdict.limit.window_seconds * 1000)),
                "ratelimit-remaining": str(verdict.remaining),
                "ratelimit-reset": str(call.wall_ms + ceil(verdict.reset_ns / 1_000_000)),
            }

    def refuse(self, status: int, call: Call) -> Reply:
        """Answer an unknown path, or whatever fails before the API, as its gateway does."""
        reasons = {404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
        body = {
            "timestamp": call.wall_ms,
            "status": status,
            "error": reasons.get(status, "Internal Server Error"),
            "path": call.path,
        }
        return Reply(compact(body).encode(), status)

    def draft(self, symbol: str) -> Instrument:
        """Make a new swap from its contract code."""
        return htx_listing.draft(self._options.seed, symbol)


class _Figures:
    """A row's numbers at one moment; `amount` and `value` in units of 10**-18."""

    __slots__ = ("amount", "trade_amount", "trade_volume", "turnover", "value", "volume")

    def __init__(self, instrument: Instrument, walk: Walk, elapsed_ms: int) -> None:
        size = 10 ** (18 + instrument.lot_exponent)
        ticks = instrument.price_at(walk, elapsed_ms)
        self.volume = instrument.lots_at(walk, elapsed_ms)
        self.amount = self.volume * size
        self.value = self.amount * ticks // 10**instrument.price_digits
        # The 24 h figures count both sides, so they are even; open interest is not (facts 2.2).
        self.trade_volume = 2 * instrument.traded_at(walk, elapsed_ms)
        self.trade_amount = natural(self.trade_volume * size, 18)
        self.turnover = natural(self.trade_volume * size * ticks, 18 + instrument.price_digits)


def _success(data: str, ts: int, rows: Sequence[Row] = ()) -> Reply:
    return Reply(f'{{"status":"ok","data":{data},"ts":{ts}}}'.encode(), rows=rows)


def _error(call: Call, code: int, message: str) -> Reply:
    body = {"status": "error", "err_code": code, "err_msg": message, "ts": call.wall_ms}
    return Reply(compact(body).encode())


def _v5_error(call: Call, code: int, message: str) -> Reply:
    return Reply(compact({"code": code, "message": message, "ts": call.wall_ms}).encode())
