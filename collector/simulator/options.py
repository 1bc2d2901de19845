"""Everything that can be set about the simulated venues, with its default and its help text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

OverLimit = Literal["error-in-200", "429"]
RetryAfter = Literal["none", "seconds", "date"]
SynthetixLimiter = Literal["windows", "bucket"]
Delisted = Literal["error", "empty"]
HIGHEST_PORT = 65_535


class OptionError(ValueError):
    """An option has a value that makes no sense; the message names it."""


class About(NamedTuple):
    """What the help says about a field, and its flag where that is not the field's name."""

    text: str
    flag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """How the simulator behaves; the command's options and their help are made from these fields.

    Where a venue's behaviour is unknown (facts section 4) there is an option instead of a guess.
    """

    host: Annotated[str, About("Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int | tuple[int, ...],
        About("Port to listen on, 0 for a free one; give several if need be."),
    ] = 8100
    seed: Annotated[int, About("Seed of all numbers, faults and delays.")] = 1
    bitget: Annotated[int, About("Number of Bitget instruments, the 8 demo ones apart.")] = 865
    htx: Annotated[int, About("Number of HTX instruments.")] = 361
    synthetix: Annotated[int, About("Number of Synthetix markets.")] = 40

    latency_ms: Annotated[float, About("Round trip in ms, half before arrival.", "--latency")] = 0.0
    jitter_ms: Annotated[float, About("Up to this many ms more before arrival.", "--jitter")] = 0.0
    jitter_after: Annotated[bool, About("Add the jitter after arrival instead.")] = False
    slow_rate: Annotated[float, About("Share of the requests that take --slow-ms more.")] = 0.0
    slow_ms: Annotated[float, About("How many ms more the slow ones take, after arrival.")] = 1000.0
    slow_before: Annotated[bool, About("Slow requests are late in arriving instead.")] = False

    faults: Annotated[
        tuple[str, ...], About("VENUE[@PORT]:KIND:RATE[:PARAM]; VENUE may be *.", "--fault")
    ] = ()
    limits: Annotated[
        tuple[str, ...], About("SCOPE=COUNT/SECONDS instead of a documented limit.", "--limit")
    ] = ()
    no_limits: Annotated[bool, About("Count requests but refuse none.")] = False
    charge_rejected: Annotated[bool, About("Refused requests use up the limit too.")] = False
    retry_after: Annotated[RetryAfter, About("Retry-After on a 429 that a limit causes.")] = "none"
    ledger: Annotated[
        bool | Path, About("Keep every value served, for /_sim/served; with FILE there, too.")
    ] = False

    bitget_penalty_seconds: Annotated[
        float, About("How long Bitget refuses all once its limit over all endpoints is broken.")
    ] = 300.0
    bitget_ts_jitter_ms: Annotated[int, About("Most that Bitget's ts is off requestTime.")] = 1300
    bitget_ts_repeat_ms: Annotated[int, About("Bitget's ts and size stand still this long.")] = 0
    bitget_delisted: Annotated[
        Delisted, About("What a delisted Bitget symbol gets: 40309, or success without rows.")
    ] = "error"
    bitget_strict_product: Annotated[
        bool, About("Bitget refuses a symbol that is asked for under another productType.")
    ] = False
    htx_over_limit: Annotated[OverLimit, About("How HTX says 1032: with HTTP 200 or 429.")] = (
        "error-in-200"
    )
    htx_ban_seconds: Annotated[float, About("How long HTX refuses all after a 1032.")] = 0.0
    htx_dead_rows: Annotated[int, About("HTX open-interest rows of contracts long gone.")] = 16
    htx_plain_zero: Annotated[bool, About("HTX never prints a zero as 0E-18.")] = False
    synthetix_limiter: Annotated[
        SynthetixLimiter, About("1000/60 s and 100/1 s sliding, or a bucket of 10000 per 10 s.")
    ] = "windows"
    synthetix_cost: Annotated[int, About("Tokens a Synthetix request takes from the bucket.")] = 1
    synthetix_limit_headers: Annotated[bool, About("Synthetix shows x-ratelimit-*.")] = False
    synthetix_cache_seconds: Annotated[
        float, About("Age of Synthetix's market list: how late a listing or delisting shows.")
    ] = 60.0

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports to listen on, one or several."""
        return (self.port,) if isinstance(self.port, int) else self.port

    def __post_init__(self) -> None:
        """Refuse values that make no sense, naming the first."""
        for name in ("bitget", "htx", "synthetix", "htx_dead_rows"):
            self._within(name, 0, 100_000)
        for name in ("latency_ms", "jitter_ms", "slow_ms"):
            self._within(name, 0, 600_000)
        for name in ("bitget_penalty_seconds", "htx_ban_seconds", "synthetix_cache_seconds"):
            self._within(name, 0, 86_400)
        for name in ("bitget_ts_jitter_ms", "bitget_ts_repeat_ms"):
            self._within(name, 0, 86_400_000)
        self._within("slow_rate", 0, 1)
        self._within("synthetix_cost", 1, 10_000)
        self._one_of("retry_after", get_args(RetryAfter))
        self._one_of("bitget_delisted", get_args(Delisted))
        self._one_of("htx_over_limit", get_args(OverLimit))
        self._one_of("synthetix_limiter", get_args(SynthetixLimiter))
        if not self.ports or not all(0 <= port <= HIGHEST_PORT for port in self.ports):
            raise OptionError(f"port is a number from 0 to {HIGHEST_PORT}")

    def _within(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise OptionError(f"{name} is a number from {low:g} to {high:g}, not {value}")

    def _one_of(self, name: str, words: tuple[str, ...]) -> None:
        if getattr(self, name) not in words:
            raise OptionError(f"{name} is one of {', '.join(words)}")
