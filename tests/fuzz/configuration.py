"""Files and variables made wrong: there are settings or one `ConfigError`, and no secret in it."""

import json
import signal
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from collector.config import PREFIX, load
from collector.errors import ConfigError
from collector.settings import Settings
from collector.venues import VENUES
from tests.fuzz.violations import Violation, must

ROOT = Path(__file__).parents[2]
SECRET = "sesame"  # noqa: S105 - what must never be shown
DSN = f"postgresql://collector:{SECRET}@db.example:5433/oi"
_HANG_SECONDS = 20.0
_PROBLEM_MAX = 2000

_PATHS = (
    "database.dsn", "journal.path", "journal.max_bytes", "http.host", "http.port", "log.level",
    "log.format", "database", "journal", "http", "log", "venues", "venues.bitget", "venues.nowhere",
    *(f"venues.{venue}.{key}" for venue in VENUES for key in (
        "enabled", "interval", "listing_interval", "base_urls", "include", "exclude",
        "limit_share", "product_types", "intervall")),
)  # fmt: skip
_VALUES = (
    DSN, "@DSN", "~", "", "null", "true", "no", "0", "-1", "1", "0.5", "1.5", "1e400", ".inf",
    ".nan", "-.inf", "8080", "65536", "0x1F", "1_000", "0o17", "1:30",
    "60s", "1m", "2h", "1d", "9d", "1" * 400 + "s", "0s", "1.5m", "64MiB", "1e3MiB",
    "9" * 400 + "GiB", "64 {x}", "1 parsec", "debug", "json", "[]", "[BTC*]", "['*', '']", "[1, 2]",
    "[[]]", "{}", "{a: b}", "[*a]", "&a [*a]", "[2001-99-99]",
    "2001-99-99", "2001-01-01", "[!!int x]", "!!python/name:os.system", "[!!binary x]", "!!float y",
    "[https://api.example.com]", "http://[", "[http://[]", "['http://u:p@h']", "http://h:99999",
    "['http://h:99999']", "'\\0'", '"\\0"', '"\\ud800"', "\udcff", "٣s", "<<", "{<<: 1}", "|", ">",
    "USDT-FUTURES", "[USDT-FUTURES]", "{? [a] : 1}", "%", "`", "{\n", "- a", "a: b", "#", "*", "!",
    f"[{DSN}]", f"{{{DSN}}}", f"{{{DSN}: 1}}", f"{{dsn: {DSN}}}", f"!{DSN} x", f"*{DSN}",
    f"&{DSN} x", f"!!int {DSN}", f"[!!float '{DSN}']", f"'{DSN}", f'"{DSN}\\q"', f"!!bool {DSN}",
    f"{DSN}: {DSN}", f"!!timestamp {DSN}", f"!<{DSN}> x", f"<<: {DSN}", f"[1, {{a: {DSN}}}]",
)  # fmt: skip
_HEAVY = (
    "[" * 3000, "{a: " * 500, "9" * 5000, "0x" + "F" * 5000, "x" * 5000, "[" + "1, " * 5000 + "]",
)  # fmt: skip
_PLAIN = (
    "60s", "5m", "1h", "true", "false", "0.5", "1", "8080", "info", "json", "64MiB", "[BTC*]",
    "['*']", "127.0.0.1", "var/journal", "[https://api.example.com]", "[USDT-FUTURES]", DSN, "null",
)  # fmt: skip
_GOOD = {
    "dsn": DSN, "path": "var/journal", "max_bytes": "1GiB", "host": "127.0.0.1", "port": "8080",
    "level": "info", "format": "json", "enabled": "false", "interval": "90s", "include": "[BTC*]",
    "listing_interval": "5m", "base_urls": "[https://api.example.com]", "exclude": "['*X']",
    "limit_share": "0.5", "product_types": "[USDT-FUTURES]",
}  # fmt: skip
_LINES = (
    "database:", "  dsn: @DSN", "  dsn: '@DSN'", "@DSN", "@DSN: 1", "? @DSN", "- @DSN", "venues:",
    "  bitget:", "    interval: 2m", "%YAML 1.1", "%TAG ! @DSN", "---", "...", "--- @DSN", "<<: *a",
    "a: &a [*a]", "\tx: 1", "  - b", "x: |", "  @DSN", "!!set {a}", "!!omap [a: 1]", "# @DSN",
    "!@DSN", "&@DSN", "*@DSN", "'@DSN", '"@DSN', "{@DSN", "[@DSN", "http: {port: 1, port: @DSN}",
    "l: &l [x,x,x,x,x,x,x,x]\nm: &m [*l,*l,*l,*l,*l,*l,*l,*l]\nhttp: {host: [*m,*m,*m,*m]}",
)  # fmt: skip
_CHARACTERS = ":-?{}[],&*#!|>'\"%@`~ \t\n\0\x85\u2028\ufeff٣é0.\\<="


@dataclass(frozen=True)
class Case:
    """A file, if there is one, and the variables beside it."""

    text: bytes | None
    environment: dict[str, str] = field(default_factory=dict)


def starts() -> list[str]:
    """Return the texts that fuzzing starts from."""
    bad = sorted((ROOT / "tests" / "config" / "bad").glob("*.yaml"))
    texts = [path.read_text(encoding="utf-8") for path in bad]
    plain = [
        "\n".join(line for line in text.splitlines() if not line.startswith("#")) for text in texts
    ]
    return [*plain, _FULL, _FULL, _FULL]


_FULL = """\
database:
  dsn: @DSN
journal: {path: var/journal, max_bytes: 1GiB}
http:
  host: 127.0.0.1
  port: 8080
venues:
  bitget:
    interval: 60s
    include: ["*"]
    product_types: [USDT-FUTURES]
  htx: {limit_share: 0.5, base_urls: [https://api.hbdm.com]}
"""
_STARTS = starts()


def case(number: int, seed: int) -> Case:
    """Make the case of this number."""
    rng = Random(f"{seed}/{number}/configuration")
    dice = rng.random()
    if dice < 0.35:
        return Case(None, _environment(rng, rng.choice((1, 1, 2, 3, 6))))
    text = _document(rng) if dice < 0.65 else _mutated(rng.choice(_STARTS), rng)
    encoded = text.replace("@DSN", DSN).encode("utf-8", "surrogatepass")
    return Case(encoded, _environment(rng, 1) if rng.random() < 0.2 else {})


class Reader:
    """Reads cases, each from a file of its own folder."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "config.yaml"
        self._empty = Path(self._folder.name) / "empty.yaml"
        self._empty.touch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def run(self, case: Case) -> tuple[str, float]:
        """Read a case; return what came of it, and the processor time that it took.

        Raises:
            Violation: something that must hold does not.
        """
        if case.text is not None:
            self._path.write_bytes(case.text)
        began = time.process_time()
        before = signal.signal(signal.SIGVTALRM, _stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, _HANG_SECONDS)
        path = self._path if case.text is not None else self._empty
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # they would be printed, with what they quote
                settings = load(path, case.environment)
        except ConfigError as error:
            _refusal(error)
            kind = "refused"
        except Violation:
            raise
        except Exception as error:
            raise Violation(f"{type(error).__name__}: {error}"[:300]) from error
        else:
            _sane(settings)
            kind = "read"
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)
        return kind, time.process_time() - began


def _stop(_: int, __: object) -> None:
    raise Violation(f"no end after {_HANG_SECONDS:.0f} s of processor time")


def _refusal(error: ConfigError) -> None:
    must(error.problems, "refused without a reason")
    for problem in error.problems:
        must(": " in problem or "not UTF-8" in problem, "a problem without its place", problem)
        must("\n" not in problem and len(problem) <= _PROBLEM_MAX, "more than a line", problem)
    for shown in (str(error), repr(error), repr(error.problems)):
        must(SECRET not in shown, "a secret is shown", shown)
    str(error).encode()


def _sane(settings: Settings) -> None:
    must(SECRET not in f"{settings.database!r}{settings.database}", "a secret is shown")
    dsn = settings.database.dsn
    must(dsn is None or dsn.get_secret_value().startswith("postgres"), "another database")
    must(0 <= settings.http.port <= 65535, "no port", settings.http.port)
    must(2**20 <= settings.journal.max_bytes <= 2**63, "no size", settings.journal.max_bytes)
    must("\0" not in str(settings.journal.path), "no path", settings.journal.path)
    for name, venue in settings.venues.items():
        must(1 <= venue.interval <= 86400, "no interval", venue.interval)
        must(10 <= venue.listing_interval <= 86400, "no interval", venue.listing_interval)
        must(0 < venue.limit_share <= 1, "no share", venue.limit_share)
        must(venue.base_urls and venue.include, "nothing to ask", venue)
        must(set(venue.product_types) <= set(VENUES[name].product_types), "no such type", venue)
        must(all(url.startswith("http") for url in venue.base_urls), "no address", venue)


def _environment(rng: Random, count: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(count):
        path = rng.choice(_PATHS)
        name = path.upper().replace(".", "__")
        dice = rng.random()
        if dice < 0.1:
            name = rng.choice(("", "__", name + "__", "__" + name, name + "__X", name.lower(), "É"))
        elif dice < 0.15:
            name = _noise(name, rng)
        value = _value(rng, path).replace("@DSN", DSN)
        found[PREFIX + name] = value if rng.random() < 0.9 else value + rng.choice(_VALUES)
    return found


def _value(rng: Random, path: str = "") -> str:
    dice = rng.random()
    good = _GOOD.get(path.rpartition(".")[2])
    if good is not None and dice < 0.6:
        return good
    dice = rng.random()
    return rng.choice(_HEAVY if dice < 0.003 else _PLAIN if dice < 0.4 else _VALUES)


def _document(rng: Random) -> str:
    """Return a document with keys that are known and values that may be anything."""
    lines: list[str] = []
    for path in rng.sample(_PATHS, rng.choice((1, 1, 2, 3))):
        keys = path.split(".")
        lines += ["  " * depth + f"{key}:" for depth, key in enumerate(keys[:-1])]
        value = _value(rng, path)
        written = value if rng.random() < 0.8 else json.dumps(value)
        lines.append("  " * (len(keys) - 1) + f"{keys[-1]}: {written}")
    text = "\n".join(lines)
    return text if rng.random() < 0.7 else _mutated(text, rng)


def _mutated(text: str, rng: Random) -> str:
    """Return a text with lines moved, doubled, left out, shifted or put in, or characters."""
    lines = text.splitlines() or [""]
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        match rng.randrange(7):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(at, rng.choice(lines))
            case 2:
                lines[at] = rng.choice((" ", "  ", "\t", "- ", "? ")) + lines[at]
            case 3:
                lines.insert(at, rng.choice(_LINES))
            case 4:
                key, colon, _ = lines[at].partition(":")
                lines[at] = f"{key}{colon or ':'} {_value(rng)}"
            case _:
                lines[at] = _noise(lines[at], rng)
    return "\n".join(lines)


def _noise(text: str, rng: Random) -> str:
    """Change characters, none of those in a secret's middle: then it would not be the secret."""
    for _ in range(rng.choice((1, 2, 4))):
        pieces = text.replace(DSN, "@DSN").split("@DSN")
        which = rng.randrange(len(pieces))
        piece = pieces[which]
        at = rng.randrange(len(piece) + 1)
        pieces[which] = piece[:at] + rng.choice(_CHARACTERS) + piece[at + rng.randrange(2) :]
        text = "@DSN".join(pieces)
    return text
