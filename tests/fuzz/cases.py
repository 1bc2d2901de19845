"""One case: a number, and a seed for all of them, say which reply it is and how it is wrong."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from tests.fuzz import mutate, oracle
from tests.fuzz.invariants import Figures, examine, untouched
from tests.fuzz.seeds import Seed
from tests.fuzz.tree import Members, Tree, copied, read, write
from tests.fuzz.violations import Violation

_HANG_SECONDS = 20.0
_LONG_SECONDS = 5.0


@dataclass(frozen=True)
class Start:
    """A seed, and its document."""

    seed: Seed
    tree: Tree
    rows: int
    """How many rows it has, if they can be mutated one at a time."""


@dataclass(frozen=True)
class Case:
    """A reply made wrong."""

    seed: Seed
    body: bytes
    alone: bytes | None = None
    """The reply without the one row that is wrong, if only one is."""
    name: str | None = None
    """The instrument that this row names."""


def starts(seeds: Sequence[Seed]) -> list[Start]:
    """Return the seeds that are JSON, those with rows to read five times as often."""
    found: list[Start] = []
    for seed in seeds:
        tree = read(seed.body)
        rows = len(oracle.rows_of(seed, tree) or [])
        found += [Start(seed, tree, rows)] * (5 if rows else 1)
    return found


def case(number: int, seed: int, among: Sequence[Start]) -> Case:
    """Make the case of this number."""
    rng = Random(f"{seed}/{number}")
    start = rng.choice(among)
    dice = rng.random()
    ascii_only = rng.random() < 0.8
    now_ms = start.seed.received_ms
    if dice < 0.2:
        return Case(start.seed, mutate.bytewise(start.seed.body, rng))
    if dice < 0.45 and start.rows:
        return _one_row(start, rng, ascii_only=ascii_only)
    if dice < 0.47:
        wrong = mutate.heavily(start.tree, rng, now_ms)
        return Case(start.seed, write(wrong, ascii_only=ascii_only))
    body = write(mutate.structurally(start.tree, rng, now_ms), ascii_only=ascii_only)
    if dice > 0.95:
        body = mutate.bytewise(body, rng)
    return Case(start.seed, body)


def run(case: Case) -> tuple[Figures, float]:
    """Take a case the whole way; return what came of it, and the processor time it took.

    Raises:
        Violation: something that must hold does not.
    """
    began = time.process_time()
    try:
        with _no_hang():
            found = examine(case.seed, case.body)
            if case.alone is not None:
                untouched(case.seed, case.alone, found, case.name)
    except Violation:
        raise
    except Exception as error:
        raise Violation(f"{type(error).__name__}: {error}"[:300]) from error
    took = time.process_time() - began
    if took > _LONG_SECONDS:
        raise Violation(f"it took {took:.1f} s")
    return found, took


def _one_row(start: Start, rng: Random, *, ascii_only: bool) -> Case:
    """Make one row wrong, or put a wrong one beside the others."""
    tree = copied(start.tree)
    rows = oracle.rows_of(start.seed, tree)
    if rows is None:
        raise AssertionError("a seed with rows has rows")
    at = rng.randrange(len(rows))
    now_ms = start.seed.received_ms
    extra = rng.random() < 0.3
    row = mutate.structurally(rows[at], rng, now_ms)
    if isinstance(row, Members) and extra:
        row = Members((key, "OTHER" if key == "symbol" else value) for key, value in row)
    if not extra:
        del rows[at]
    alone = write(tree, ascii_only=ascii_only)
    rows.insert(at, row)
    try:
        name = oracle.symbol_of(start.seed, read(write(row, ascii_only=ascii_only)))
    except (ValueError, RecursionError):
        name = None  # then the whole reply is no JSON
    return Case(start.seed, write(tree, ascii_only=ascii_only), alone, name)


@contextmanager
def _no_hang() -> Iterator[None]:
    def stop(_: int, __: object) -> None:
        raise Violation(f"no end after {_HANG_SECONDS:.0f} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _HANG_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
