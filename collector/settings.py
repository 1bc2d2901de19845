"""What can be set: names, types, bounds and defaults. `config.py` reads it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
)

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE = re.compile(r"([0-9]{1,5})(d|w|y)", re.ASCII)
_DAYS = {"d": 1, "w": 7, "y": 365}
_MOST_DAYS = 36500
_LEAST_KEPT_DAYS = 7
"""Late rows, a day's rollup, and a collector that stands still over a weekend."""


def _duration(value: object) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration such as 30s, 5m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def _at_least(least: str) -> AfterValidator:
    def check(seconds: float) -> float:
        if not _duration(least) <= seconds <= _duration("1d"):
            raise ValueError(f"from {least} to 1d")
        return seconds

    return AfterValidator(check)


def _age(forever: str) -> BeforeValidator:
    """Read whole days, weeks or years; a word says that it never comes to that."""

    def read(value: object) -> int | None:
        if value == forever or value is None:
            return None
        match = _AGE.fullmatch(value) if isinstance(value, str) else None
        days = int(match[1]) * _DAYS[match[2]] if match is not None else 0
        if not 1 <= days <= _MOST_DAYS:
            raise ValueError(f"an age such as 14d, 6w or 2y, from 1d to 100y, or {forever}")
        return days

    return BeforeValidator(read)


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("a URL such as https://api.example.com") from None
    if not valid:
        raise ValueError("a URL such as https://api.example.com")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("a URL without user, query and fragment")
    return value


def _dsn(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        valid = parts.scheme in {"postgres", "postgresql"} and parts.port != 0
        # Then part of the password would be taken for the address, and shown as such.
        valid = valid and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(
            "a URL such as postgresql://user:password@host:5432/database, special characters in the"
            " password as %23 and so on"
        )
    return value


def _path(value: Path) -> Path:
    if "\0" in str(value):
        raise ValueError("a path without NUL")
    return value


Duration = Annotated[float, BeforeValidator(_duration)]
"""Seconds; written as a number and its unit."""

Text = Annotated[str, Field(strict=True, min_length=1)]
BaseUrl = Annotated[Text, AfterValidator(_base_url)]


class Section(BaseModel):
    """Part of the configuration: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(Section):
    """Where the data goes, and how long it stays. Ages are in days; None: never, or for ever."""

    dsn: Annotated[SecretStr, AfterValidator(_dsn)] | None = None
    compress_after: Annotated[int | None, _age("never")] = 14
    keep_for: Annotated[int | None, _age("forever")] = None
    keep_rollups_for: Annotated[int | None, _age("forever")] = None

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Give each key that does not go with the others, and why."""
        kept = self.keep_for
        if kept is not None and kept < _LEAST_KEPT_DAYS:
            yield "keep_for", f"{kept}d is too short; permitted: {_LEAST_KEPT_DAYS}d or more"
        if kept is not None and self.compress_after is not None and kept <= self.compress_after:
            why = "what is dropped by then need not be compressed: compress_after: never"
            problem = f"{kept}d is not longer than compress_after, {self.compress_after}d; {why}"
            yield "keep_for", problem
        rolled = self.keep_rollups_for
        if rolled is not None and (kept is None or rolled < kept):
            why = "rollups are kept at least as long as what they are made of"
            shown = "forever" if kept is None else f"{kept}d"
            yield "keep_rollups_for", f"{rolled}d is shorter than keep_for, {shown}; {why}"


class JournalSettings(Section):
    """The durable queue on local disk."""

    path: Annotated[Path, AfterValidator(_path)] = Path("var/journal")
    max_bytes: Annotated[ByteSize, Field(ge=2**20, le=2**62)] = ByteSize(2**30)


class HttpSettings(Section):
    """The HTTP server of the daemon."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 8080


class LogSettings(Section):
    """What the log says, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class VenueSettings(Section):
    """How one venue is polled; `config.py` fills in what the venue itself declares."""

    enabled: StrictBool = True
    interval: Annotated[Duration, _at_least("1s")] = 60.0
    listing_interval: Annotated[Duration, _at_least("10s")] = 600.0
    base_urls: Annotated[tuple[BaseUrl, ...], Field(min_length=1)] = ()
    include: Annotated[tuple[Text, ...], Field(min_length=1)] = ("*",)
    exclude: tuple[Text, ...] = ()
    limit_share: Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)] = 1.0
    sides: Literal["auto", "one", "both", "unknown"] = "auto"
    product_types: Annotated[tuple[Text, ...], Field(min_length=1)] = ()


SECTIONS: Mapping[str, type[Section]] = {
    "database": DatabaseSettings,
    "journal": JournalSettings,
    "http": HttpSettings,
    "log": LogSettings,
}


@dataclass(frozen=True)
class Settings:
    """Everything that is set."""

    database: DatabaseSettings
    journal: JournalSettings
    http: HttpSettings
    log: LogSettings
    venues: Mapping[str, VenueSettings]

    def enabled(self) -> Mapping[str, VenueSettings]:
        """Return the venues that are to be polled."""
        return {name: venue for name, venue in self.venues.items() if venue.enabled}
