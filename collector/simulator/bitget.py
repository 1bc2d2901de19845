"""Bitget v2 mix market data: one symbol per open-interest call, strings throughout (facts 1)."""

from collections.abc import Sequence

from collector.simulator import bitget_listing
from collector.simulator.decimals import natural
from collector.simulator.limits import Limit, Verdict
from collector.simulator.market import Instrument, Market, Walk
from collector.simulator.options import SimulatorOptions
from collector.simulator.replies import Call, Endpoint, Reply, Row, Venue, quoted
from collector.simulator.rows import Anatomy, spoil
from collector.simulator.seeding import seeded

ROOT = "/api/v2/mix/market/"
PER_SECOND = 20
PER_MINUTE = 6000
TICKER_AGE_MS = (73, 103)
ANATOMY = Anatomy("symbol", ("size",), timestamp=True, strings=True)
TICKER_ANATOMY = Anatomy("symbol", ("holdingAmount",), timestamp=True, strings=True)


class Bitget(Venue):
    """Bitget: 20 requests a second for each endpoint and 6000 a minute over all (facts 1.5)."""

    name = "bitget"
    prefixes = ("/api/v2/", "/api/v3/")

    def __init__(self, options: SimulatorOptions, walk: Walk, now_ms: int) -> None:
        self.market = Market(bitget_listing.listing(options, now_ms), walk)
        self._options = options
        self._rng = seeded(options.seed, "bitget", "ts")
        self._described: dict[str, tuple[int, str]] = {}
        self.limits = (
            Limit("bitget.open-interest", PER_SECOND, 1),
            Limit("bitget.contracts", PER_SECOND, 1),
            Limit("bitget.tickers", PER_SECOND, 1),
            Limit("bitget.total", PER_MINUTE, 60, options.bitget_penalty_seconds),
        )
        self.endpoints = tuple(
            Endpoint(
                ROOT + name,
                handle,
                (f"bitget.{name}", "bitget.total"),
                serves_open_interest=serves,
            )
            for name, handle, serves in (
                ("open-interest", self.open_interest, True),
                ("contracts", self.contracts, False),
                ("tickers", self.tickers, True),
            )
        )

    def open_interest(self, call: Call) -> Reply:
        """Serve one symbol; its ts lies near requestTime, on either side (facts 1.2)."""
        product = _product(call)
        if product is None:
            return _missing_product(call)
        symbol = call.query.get("symbol", "")
        if not symbol:
            return _error(call, "40019", "Parameter symbol cannot be empty")
        instrument = self.market.listed.get(symbol)
        if instrument is None and symbol in self.market.gone:
            if self._options.bitget_delisted == "empty":
                return self._open_interest(call, (), self._data_ms(call))
            return _error(call, "40309", "The symbol has been removed")
        wrong_product = self._options.bitget_strict_product
        if instrument is None or (wrong_product and instrument.group != product):
            return _error(call, "40034", f"Parameter {symbol} does not exist")
        data_ms = self._data_ms(call)
        elapsed_ms = call.elapsed_ms
        if self._options.bitget_ts_repeat_ms:
            elapsed_ms -= call.elapsed_ms % self._options.bitget_ts_repeat_ms
        size = self._size(instrument, elapsed_ms)
        text = f'{{"symbol":{quoted(symbol)},"size":"{size}"}}'
        row = Row(symbol, data_ms, {"size": size}, text)
        return self._open_interest(call, (row,), data_ms)

    def _open_interest(self, call: Call, rows: Sequence[Row], data_ms: int) -> Reply:
        rows = spoil(rows, call.hits, ANATOMY, self.market)
        if rows:
            data_ms = rows[0].exchange_ms
        listed = ",".join(row.text for row in rows)
        return _success(call, f'{{"openInterestList":[{listed}],"ts":"{data_ms}"}}', rows)

    def contracts(self, call: Call) -> Reply:
        """Describe all contracts of a product type, or the one asked for (facts 1.4)."""
        product = _product(call)
        if product is None:
            return _missing_product(call)
        symbol = call.query.get("symbol")
        if symbol is None:
            return _success(call, self._contracts(product))
        instrument = self.market.listed.get(symbol)
        if instrument is None or instrument.group != product:
            return _error(call, "40034", f"Parameter {symbol} does not exist")
        return _success(call, f"[{bitget_listing.describe(instrument)}]")

    def _contracts(self, product: str) -> str:
        # A description never changes, and writing 800 of them takes longer than sending them.
        version, text = self._described.get(product, (-1, ""))
        if version != self.market.version:
            described = (
                bitget_listing.describe(instrument)
                for instrument in self.market.listed.values()
                if instrument.group == product
            )
            text = f"[{','.join(described)}]"
            self._described[product] = self.market.version, text
        return text

    def tickers(self, call: Call) -> Reply:
        """Serve every contract of a product type, delisted ones still among them (facts 1.6).

        One ts for all rows, 73 to 103 ms old; the same numbers as the other endpoint's.
        """
        product = _product(call)
        if product is None:
            return _missing_product(call)
        data_ms = call.exchange_ms
        if data_ms == call.wall_ms:
            data_ms -= self._rng.randint(*TICKER_AGE_MS)
        market = self.market
        rows = [
            self._ticker(instrument, call.elapsed_ms, data_ms)
            for instruments in (market.listed, market.gone)
            for instrument in instruments.values()
            if instrument.group == product
        ]
        rows = list(spoil(rows, call.hits, TICKER_ANATOMY, market))
        return _success(call, f"[{','.join(row.text for row in rows)}]", rows)

    def _ticker(self, instrument: Instrument, elapsed_ms: int, data_ms: int) -> Row:
        size = self._size(instrument, elapsed_ms)
        walk, digits = self.market.walk, instrument.price_digits
        ticks = instrument.price_at(walk, elapsed_ms)
        price, opened = natural(ticks, digits), natural(instrument.price_ticks, digits)
        low, high = natural(ticks * 97 // 100, digits), natural(ticks * 103 // 100, digits)
        traded = instrument.traded_at(walk, elapsed_ms)
        volume = natural(traded, max(0, -instrument.lot_exponent))
        turnover = natural(traded * ticks, digits - min(0, instrument.lot_exponent))
        expires = "null" if instrument.expires_ms is None else f'"{instrument.expires_ms}"'
        status = "" if instrument.expires_ms is None else "delivery_normal"
        text = (
            f'{{"symbol":{quoted(instrument.symbol)},"lastPr":"{price}","askPr":"{price}",'
            f'"bidPr":"{low}","bidSz":"1.5","askSz":"2.25","high24h":"{high}","low24h":"{low}",'
            f'"ts":"{data_ms}","change24h":"0.00069","baseVolume":"{volume}",'
            f'"quoteVolume":"{turnover}","usdtVolume":"{turnover}","openUtc":"{opened}",'
            f'"changeUtc24h":"-0.00254","indexPrice":"{price}","fundingRate":"0.0001",'
            f'"holdingAmount":"{size}","deliveryStartTime":null,"deliveryTime":{expires},'
            f'"deliveryStatus":"{status}","open24h":"{opened}","markPrice":"{price}"}}'
        )
        return Row(instrument.symbol, data_ms, {"holdingAmount": size}, text)

    def _size(self, instrument: Instrument, elapsed_ms: int) -> str:
        lots = instrument.lots_at(self.market.walk, elapsed_ms)
        return natural(lots, -instrument.lot_exponent)

    def _data_ms(self, call: Call) -> int:
        if call.exchange_ms != call.wall_ms:
            return call.exchange_ms
        repeat, most = self._options.bitget_ts_repeat_ms, self._options.bitget_ts_jitter_ms
        if repeat:
            return call.wall_ms - call.elapsed_ms % repeat
        # Tens of milliseconds as a rule; captures go as far as 1.3 s to either side (facts 1.2).
        reach = most if self._rng.random() < 0.02 else min(most, 50)  # noqa: PLR2004 - a share
        return call.wall_ms + self._rng.randint(-reach, reach)

    def failure(self, kind: str, call: Call) -> Reply:
        """Answer a failure with a code of facts 1.6."""
        code, message, status = {
            "500": ("40015", "System is abnormal, please try again later", 500),
            "503": ("40015", "System is abnormal, please try again later", 503),
            "maintenance": ("40200", "Server upgrade, please try again later", 400),
            "error-in-200": ("40015", "System is abnormal, please try again later", 200),
        }[kind]
        return _error(call, code, message, status)

    def over_limit(self, call: Call, verdict: Verdict, status: int | None = None) -> Reply:
        """Answer HTTP 429 with the captured body (facts 1.5)."""
        del verdict
        return _error(call, "429", "Too Many Requests", status or 429)

    def add_limit_headers(self, call: Call, verdict: Verdict, reply: Reply) -> None:
        """Tell how many calls of this endpoint are left in this second (facts 1.5)."""
        del call
        reply.headers["x-mbx-used-remain-limit"] = str(verdict.remaining)

    def refuse(self, status: int, call: Call) -> Reply:
        """Answer 40404 to an unknown path; what a wrong method gets is not documented."""
        return _error(call, "40404", "Request URL NOT FOUND", status)

    def draft(self, symbol: str) -> Instrument:
        """Make a new instrument from its symbol."""
        return bitget_listing.draft(self._options.seed, symbol)


def _product(call: Call) -> str | None:
    product = call.query.get("productType", "").upper()
    return product if product in bitget_listing.PRODUCTS else None


def _missing_product(call: Call) -> Reply:
    # The wording is the venue's own, with the value in the place of the parameter's name.
    given = call.query.get("productType") or "productType"
    return _error(call, "40019", f"Parameter {given} cannot be empty")


def _success(call: Call, data: str, rows: Sequence[Row] = ()) -> Reply:
    body = f'{{"code":"00000","msg":"success","requestTime":{call.wall_ms},"data":{data}}}'
    return Reply(body.encode(), rows=rows)


def _error(call: Call, code: str, message: str, status: int = 400) -> Reply:
    body = f'{{"code":"{code}","msg":{quoted(message)},"requestTime":{call.wall_ms},"data":null}}'
    return Reply(body.encode(), status)
