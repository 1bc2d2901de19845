"""Break the code in small ways, one at a time, and see that the tests notice.

    mutations.py                 all of them
    mutations.py float NaN       those with one of these words in their name

Works on a scratch copy of the checkout. The tests that must notice a mistake pass there first; then
each mistake is made, its tests are run, and it is unmade. Status 1 if one goes unnoticed, or
if the line that it changes is not there exactly once.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mutants import FUZZER, JOURNAL, MUTANTS, Mutant
from mutants_database import DATABASE

ROOT = Path(__file__).parents[1]
_TIMEOUT = 600
ALL = (*MUTANTS, *FUZZER, *JOURNAL, *DATABASE)

_NOTICED = 1
"""Pytest's status where tests were run and some failed; any other is no proof."""


def main(words: Sequence[str]) -> int:
    """Make the mistakes whose names have one of the words; return the exit status."""
    chosen = [each for each in ALL if not words or any(word in each.name for word in words)]
    misplaced = [each for each in chosen if count(ROOT, each) != 1]
    for each in misplaced:
        _say(f"{each.name}: {count(ROOT, each)} times in {each.file}, must be once:\n{each.old}")
    if misplaced or not chosen:
        return 1
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copy = Path(folder) / "checkout"
        _copy(copy)
        tests = sorted({test for each in chosen for test in each.tests})
        status, output = _pytest(copy, tests)
        if status != 0:
            _say(f"The tests do not even pass without a mistake:\n{output}")
            return 1
        survivors = sum(not _noticed(copy, each) for each in chosen)
    _say(f"{len(chosen)} mistakes, {len(chosen) - survivors} noticed, {survivors} not")
    return 1 if survivors else 0


def _noticed(copy: Path, mutant: Mutant) -> bool:
    """Make one mistake, run its tests, unmake it; tell whether a test failed."""
    file = copy / mutant.file
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace(mutant.old, mutant.new), encoding="utf-8")
    began = time.monotonic()
    try:
        status, output = _pytest(copy, mutant.tests)
    finally:
        file.write_text(right, encoding="utf-8")
    failed = re.search(r"^FAILED (\S+)", output, re.MULTILINE)
    noticed = status == _NOTICED and failed is not None
    by = failed[1] if noticed and failed else f"NOT NOTICED (status {status})"
    _say(f"{mutant.name:<58} {time.monotonic() - began:5.1f} s  {by}")
    return noticed


def _pytest(copy: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run tests in the copy until the first fails; return the status and what was printed."""
    there = [test for test in tests if (copy / test.partition("::")[0]).exists()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *there]
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),  # before the checkout that the environment was installed from
        "PYTHONDONTWRITEBYTECODE": "1",  # a mistake of the same length and second must be seen
    }
    try:
        ended = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end after {_TIMEOUT} s"
    return ended.returncode, ended.stdout + ended.stderr


def _copy(to: Path) -> None:
    """Copy what git knows or would take, and make sure that the copy is what Python imports."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    # The programs of the environment are looked for beside the checkout.
    (to / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    found = subprocess.run(
        [sys.executable, "-c", "import collector; print(collector.__file__)"],
        cwd=to,
        env={**os.environ, "PYTHONPATH": str(to), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    if not Path(found.stdout.strip()).is_relative_to(to):
        raise SystemExit(f"Python imports {found.stdout.strip()}, not the copy")


def count(root: Path, mutant: Mutant) -> int:
    """Return how often the text that a mistake changes is in its file."""
    file = root / mutant.file
    return file.read_text(encoding="utf-8").count(mutant.old) if file.exists() else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
