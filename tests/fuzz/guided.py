"""Fuzz one venue guided by coverage: what reaches a new line of the parsers is built upon.

    .venv/bin/uv pip install atheris             (a tool, not locked: not for every Python)
    .venv/bin/python -m tests.fuzz.guided htx --seconds 120

It starts from the venue's cases, mutates half of the time in structure and half byte by byte, and
checks what `tests.fuzz` checks. What it finds it prints, and leaves in the folder that it names.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random

try:
    import atheris
except ImportError:
    sys.exit(
        "tests.fuzz.guided needs atheris, which is not installed (.venv/bin/uv pip install atheris;"
        " it has no wheels for every Python). `make fuzz` needs nothing."
    )

with atheris.instrument_imports(include=["collector.exactjson", "collector.venues"]):
    from collector.venues import VENUES
    from tests.fuzz import mutate
    from tests.fuzz.invariants import examine
    from tests.fuzz.seeds import Seed, seeds
    from tests.fuzz.tree import read, write


def main() -> None:
    """Fuzz one venue for a while; the library prints its figures and ends the process."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.guided")
    parser.add_argument("venue", choices=list(VENUES))
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    among = [each for each in seeds() if each.venue.name == given.venue]
    questions = _questions(among)
    folder = Path(tempfile.mkdtemp(prefix=f"guided-{given.venue}-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(among):
        which = questions.index(_question(seed, questions))
        (corpus / f"{number:04}").write_bytes(bytes([which]) + seed.body)
    print(f"{len(among)} replies to {len(questions)} questions; findings in {folder}", flush=True)

    def one(data: bytes) -> None:
        if data:
            examine(questions[data[0] % len(questions)], data[1:])

    def mutated(data: bytes, most: int, number: int) -> bytes:
        rng = Random(number)
        if data and rng.random() < 0.5:
            seed = questions[data[0] % len(questions)]
            try:
                tree = mutate.structurally(read(data[1:]), rng, seed.received_ms)
            except (ValueError, RecursionError):
                pass
            else:
                return (data[:1] + write(tree))[:most]
        changed: bytes = atheris.Mutate(data, most)
        return changed

    options = [f"-max_total_time={given.seconds}", f"-seed={given.seed}", "-max_len=8192"]
    options += ["-timeout=20", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutated)
    atheris.Fuzz()


def _questions(among: list[Seed]) -> list[Seed]:
    """Return one seed for each thing that was asked: the reply is what the fuzzer changes."""
    different: list[Seed] = []
    for seed in among:
        if all(_asked(seed) != _asked(other) for other in different):
            different.append(seed)
    return different[:256]


def _question(seed: Seed, questions: list[Seed]) -> Seed:
    return next(each for each in questions if _asked(each) == _asked(seed))


def _asked(seed: Seed) -> tuple[object, ...]:
    return (seed.listing, seed.request.symbol, tuple(seed.request.query.items()), seed.received_at)


if __name__ == "__main__":
    main()
