"""Fuzz the way of a reply, or the reading of the configuration, a million times.

    python -m tests.fuzz --cases 1000000 --seed 1                    what the venues answer
    python -m tests.fuzz --cases 50000 --seed 1 --configuration      files and variables
    python -m tests.fuzz --seed 1 --only 4711                        one case again, and shown

Status 1 if anything did not hold; each such case is printed with its number.
"""

import argparse
import sys
import time
import traceback

from tests.fuzz import cases, configuration
from tests.fuzz.runs import Tally, Work, configurations, everywhere, replies, starts
from tests.fuzz.violations import Violation

_SHOWN = 20


def main() -> int:
    """Run what the arguments ask for; print one table."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--configuration", action="store_true")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one case, and shown")
    given = parser.parse_args()
    work = configurations if given.configuration else replies
    if given.only is not None:
        return _again(work, given.seed, given.only)
    began = time.monotonic()
    total = Tally()
    for tally in everywhere(work, given.seed, given.cases, given.processes):
        total.add(tally)
        for number, what in tally.violations[:_SHOWN]:
            print(f"VIOLATION --seed {given.seed} --only {number}: {what}", flush=True)
    _print(total, given.cases, time.monotonic() - began)
    return 1 if total.violations else 0


def _again(work: Work, seed: int, number: int) -> int:
    """Run one case and show it, with the trace of what went wrong."""
    try:
        if work is configurations:
            file = configuration.case(number, seed)
            print(f"file: {file.text!r}\nvariables: {file.environment!r}")
            with configuration.Reader() as reader:
                print(reader.run(file))
        else:
            reply = cases.case(number, seed, starts())
            print(f"{reply.seed.name}: {reply.body!r}\nwithout the row: {reply.alone!r}")
            print(cases.run(reply))
    except Violation:
        traceback.print_exc()
        return 1
    return 0


def _print(total: Tally, count: int, seconds: float) -> None:
    lines = {
        "cases": f"{count:,} in {seconds:.0f} s",
        **{kind: f"{number:,}" for kind, number in total.kinds.most_common()},
        "rows accepted": f"{total.accepted:,}",
        "rows rejected": f"{total.rejected:,}",
        "with one wrong row among others": f"{total.alone:,}",
        "slowest case": f"{total.slowest[0] * 1000:.0f} ms (number {total.slowest[1]})",
        "violations": f"{len(total.violations):,}",
    }
    for name, value in lines.items():
        if value != "0" or name == "violations":
            print(f"{name:<34}{value:>24}")


if __name__ == "__main__":
    sys.exit(main())
