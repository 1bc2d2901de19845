"""What the long run measures: samples, their trend from first to last, and what is too much."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, linear_regression

MIB = 2**20

_LEAST_JUDGED_SECONDS = 600.0
"""A shorter run says nothing about growth: caches and pools are still being filled."""

_WARM_UP_SECONDS = 120.0
_LEAST_SAMPLES = 8

_MEMORY_SHARE = 0.05
_MEMORY_MIB = 10.0
_JOURNAL_MIB = 4.0
"""A segment: what a journal that keeps up may hold or have just removed."""

_DESCRIPTORS = 4.0
"""Kept connections come and go: 23 to 33 descriptors were seen. A leak is dozens in an hour."""

_TASKS = 8.0
"""Between polls there are a few, within one some dozens."""

_THREADS = 1.0
"""Sockets come and go between two samples; what leaks adds up to more than this."""


@dataclass(frozen=True)
class Sample:
    """What is seen of the daemon and its database at one moment."""

    at: float
    """Seconds since the daemon was started."""
    memory: int
    """Bytes of the daemon's memory that are resident."""
    descriptors: int
    threads: int
    tasks: int
    """Of asyncio, as the daemon itself counts them."""
    journal: int
    """Bytes of all files of the journal."""
    stored: int
    """Rows stored since the start."""
    daemon_cpu: float
    """Seconds since the start."""
    database_cpu: float


@dataclass(frozen=True)
class Trend:
    """One measure over the run, without the warm-up."""

    name: str
    first: float
    """Mean of the first quarter."""
    last: float
    """Mean of the last quarter."""
    slope: float
    """Of a straight line through all of it, for each hour."""

    @property
    def grown(self) -> float:
        """By how much the last quarter is above the first."""
        return self.last - self.first


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """Return the trend of each measure; none if there are too few samples to have any."""
    end = samples[-1].at if samples else 0.0
    warm_up = min(_WARM_UP_SECONDS, end / 5)
    warm = [sample for sample in samples if sample.at >= warm_up]
    if len(warm) < _LEAST_SAMPLES:
        return []
    return [
        _trend("memory MiB", _levels(warm, lambda it: it.memory / MIB)),
        _trend("descriptors", _levels(warm, lambda it: it.descriptors)),
        _trend("threads", _levels(warm, lambda it: it.threads)),
        _trend("tasks", _levels(warm, lambda it: it.tasks)),
        _trend("journal MiB", _levels(warm, lambda it: it.journal / MIB)),
        _trend("rows stored /s", _rates(warm, lambda it: it.stored)),
        _trend("daemon CPU %", _rates(warm, lambda it: it.daemon_cpu * 100)),
        _trend("database CPU %", _rates(warm, lambda it: it.database_cpu * 100)),
    ]


def _levels(
    samples: Sequence[Sample], value: Callable[[Sample], float]
) -> Iterator[tuple[float, float]]:
    return ((sample.at, value(sample)) for sample in samples)


def _rates(
    samples: Sequence[Sample], value: Callable[[Sample], float]
) -> Iterator[tuple[float, float]]:
    for before, after in pairwise(samples):
        yield after.at, (value(after) - value(before)) / (after.at - before.at)


def _trend(name: str, points: Iterator[tuple[float, float]]) -> Trend:
    times, values = zip(*points, strict=True)
    quarter = len(values) // 4
    slope = linear_regression(times, values).slope * 3600
    return Trend(name, fmean(values[:quarter]), fmean(values[-quarter:]), slope)


def table(found: Sequence[Trend]) -> str:
    """Return the trends as a table."""
    lines = [f"{'':16}{'first quarter':>15}{'last quarter':>15}{'slope per hour':>16}"]
    lines += [
        f"{each.name:16}{each.first:15,.2f}{each.last:15,.2f}{each.slope:+16,.2f}" for each in found
    ]
    return "\n".join(lines)


def long_enough(samples: Sequence[Sample]) -> bool:
    """Tell whether growth can be told from the filling of caches."""
    return bool(samples) and samples[-1].at >= _LEAST_JUDGED_SECONDS


def growth(found: Sequence[Trend]) -> list[str]:
    """Return what has grown by more than it may, each as a sentence."""
    by_name = {each.name: each for each in found}
    memory = by_name["memory MiB"]
    allowed = {
        "memory MiB": min(memory.first * _MEMORY_SHARE, _MEMORY_MIB),
        "descriptors": _DESCRIPTORS,
        "threads": _THREADS,
        "tasks": _TASKS,
        "journal MiB": _JOURNAL_MIB,
    }
    return [
        f"{name} grew by {by_name[name].grown:.2f}, of {most:.2f} permitted"
        for name, most in allowed.items()
        if by_name[name].grown > most
    ]
