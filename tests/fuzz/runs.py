"""Many cases, one after the other or in several processes, and what came of them."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias

from tests.fuzz import cases, configuration
from tests.fuzz.seeds import seeds
from tests.fuzz.violations import Violation

_CHUNK = 2000


@dataclass
class Tally:
    """What came of many cases."""

    kinds: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    rejected: int = 0
    alone: int = 0
    slowest: tuple[float, int] = (0.0, 0)
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add what came of others."""
        self.kinds.update(other.kinds)
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.alone += other.alone
        self.slowest = max(self.slowest, other.slowest)
        self.violations += other.violations


@cache
def starts() -> list[cases.Start]:
    """Return what the cases start from."""
    return cases.starts(seeds())


def replies(seed: int, numbers: range) -> Tally:
    """Run cases of replies."""
    tally = Tally()
    for number in numbers:
        case = cases.case(number, seed, starts())
        try:
            found, took = cases.run(case)
        except Violation as violation:
            tally.violations.append((number, f"{case.seed.name}: {violation}"))
            continue
        tally.kinds[found.kind] += 1
        tally.accepted += found.accepted
        tally.rejected += found.rejected
        tally.alone += case.alone is not None
        tally.slowest = max(tally.slowest, (took, number))
    return tally


def configurations(seed: int, numbers: range) -> Tally:
    """Run cases of files and variables."""
    tally = Tally()
    with configuration.Reader() as reader:
        for number in numbers:
            case = configuration.case(number, seed)
            try:
                kind, took = reader.run(case)
            except Violation as violation:
                tally.violations.append((number, str(violation)))
                continue
            tally.kinds[kind] += 1
            tally.slowest = max(tally.slowest, (took, number))
    return tally


Work: TypeAlias = Callable[[int, range], Tally]


def everywhere(work: Work, seed: int, count: int, processes: int) -> Iterator[Tally]:
    """Run many cases in several processes; yield what came of some of them as they end."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_run, ((work, seed, each) for each in _chunks(count)))


def _run(job: tuple[Work, int, range]) -> Tally:
    work, seed, numbers = job
    return work(seed, numbers)


def _chunks(count: int) -> Iterator[range]:
    for first in range(0, count, _CHUNK):
        yield range(first, min(first + _CHUNK, count))
