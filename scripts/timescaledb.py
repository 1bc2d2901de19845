"""A private TimescaleDB: run a command with one, and stop it afterwards.

    timescaledb.py run NAME -- COMMAND ...    with COLLECTOR__DATABASE__DSN set to its database
    timescaledb.py drop NAME                  forget its data

The server comes from Debian 13's packages (PostgreSQL 17, TimescaleDB 2.19, Apache-2 edition),
which are unpacked into a private folder and run with their own C library, so that they work on
Debian 12, without root, and beside any PostgreSQL of the host. If COLLECTOR__DATABASE__DSN is set
already, the command runs with that database and nothing is set up.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from debian import SetupError, fetch, home, say, unpack

DSN = "COLLECTOR__DATABASE__DSN"
_SUITE = "trixie"
_PACKAGES = ("postgresql-17", "postgresql-17-timescaledb")
_UNUSED = ("libllvm", "libz3", "perl", "libperl", "locales", "libc-l10n")
"""Just-in-time compilation and scripts: not needed, and most of the size."""

_PROGRAMS = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")
_DATABASE = "collector"
_START_SECONDS = 60
_STOP_SECONDS = 30


def install() -> Path:
    """Set up the server's programs, unless they are there; return the folder they are in."""
    root = home() / f"{_SUITE}-17"
    ready = root / "READY"
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two set-ups at once: the second finds it done
        if not ready.exists():
            say("Setting up a private TimescaleDB (about 90 MB from Debian, once) ...")
            shutil.rmtree(root, ignore_errors=True)
            downloads = root / "downloads"
            archives = fetch(_PACKAGES, _SUITE, downloads)
            unpack((each for each in archives if not each.name.startswith(_UNUSED)), root)
            _wrap(root)
            shutil.rmtree(downloads)
            ready.touch()
    return root / "usr/lib/postgresql/17/bin"


def _wrap(root: Path) -> None:
    """Put a script in front of each program that starts it with the C library it was built for."""
    programs = root / "usr/lib/postgresql/17/bin"
    libraries = next((root / "usr/lib").glob("*-linux-gnu*"))
    loader = next((root / "usr/lib").rglob("ld-linux*.so.*"))
    (programs / "real").mkdir()
    for name in _PROGRAMS:
        program = (programs / name).rename(programs / "real" / name)
        wrapper = programs / name
        wrapper.write_text(
            "#!/bin/sh\n"
            f'exec "{loader}" --library-path "{libraries}"'
            f' --argv0 "{wrapper}" "{program}" "$@"\n'
        )
        wrapper.chmod(0o755)


class Cluster:
    """One data directory and its server."""

    def __init__(self, name: str, *, durable: bool) -> None:
        # Each checkout has its own data.
        checkout = hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:8]
        self.folder = home() / "clusters" / f"{name}-{checkout}"
        self.data = self.folder / "data"
        self._name = name
        self._durable = durable
        self.programs = install()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Run the server, and give the DSN of its database.

        Raises:
            SetupError: it does not start, and why; or it is in use.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            server = self._start()
            try:
                port = self._port()
                password = (self.folder / "password").read_text()
                self._prepare(server, port, password)
                yield f"postgresql://postgres:{password}@127.0.0.1:{port}/{_DATABASE}"
            finally:
                _stop(server)

    def drop(self) -> None:
        """Forget the data."""
        if self.folder.exists():
            with self._lock():
                self._end_leftover()
                shutil.rmtree(self.folder)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SetupError(
                    f"the private database {self._name!r} of this checkout is in use already"
                ) from None
            yield

    def _start(self) -> subprocess.Popen[bytes]:
        self._end_leftover()
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        options = {
            "shared_preload_libraries": "timescaledb",
            "timescaledb.telemetry_level": "off",
            "listen_addresses": "127.0.0.1",
            "port": self._port(),
            "unix_socket_directories": "",
            "max_connections": 200,
            "jit": "off",
            "fsync": "on" if self._durable else "off",
        }
        command: list[str | Path] = [self._program("postgres"), "-D", self.data]
        command += [f"-c{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                # With the parent-death signal the server ends with us, however we end.
                [*_as_server("--pdeathsig", "INT"), *command],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the command; the server ends after it
            )

    def _initialize(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        if os.geteuid() == 0:
            for path in (self.data, password):
                shutil.chown(path, "nobody", "nogroup")
        initdb: list[str | Path] = [self._program("initdb"), "--pgdata", self.data]
        initdb += ["--username", "postgres"]
        initdb += ["--auth", "scram-sha-256", "--pwfile", password, "--encoding", "UTF8"]
        initdb += ["--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-sync"]
        done = subprocess.run(
            [*_as_server(), *initdb], cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            shutil.rmtree(self.data)
            raise SetupError(f"initdb failed:\n{done.stderr}")

    def _port(self) -> int:
        """Return the port of the last time while it is free, so that a printed DSN stays right."""
        kept = self.folder / "port"
        wanted = int(kept.read_text()) if kept.exists() else 0
        if (self.data / "postmaster.pid").exists():
            return wanted
        for port in (wanted, 0):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                found: int = probe.getsockname()[1]
                kept.write_text(str(found))
                return found
        raise SetupError("no free port on 127.0.0.1")

    def _prepare(self, server: subprocess.Popen[bytes], port: int, password: str) -> None:
        """Wait until the server answers, and create the database if it is not there."""
        deadline = time.monotonic() + _START_SECONDS
        create = f"SELECT 'CREATE DATABASE {_DATABASE}' WHERE NOT EXISTS"
        create += f" (SELECT FROM pg_database WHERE datname = '{_DATABASE}') \\gexec\n"
        # Not on the command line, which every user of the machine can read.
        access = {"PGPASSWORD": password, "PGHOST": "127.0.0.1", "PGPORT": str(port)}
        access |= {"PGUSER": "postgres", "PGDATABASE": "postgres"}
        psql = [str(self._program("psql")), "--no-psqlrc", "--quiet"]
        while True:
            done = subprocess.run(
                psql,
                input=create,
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, **access},
            )
            if done.returncode == 0:
                return
            if server.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "log").read_text(errors="replace").splitlines()[-10:]
                raise SetupError("the database does not start:\n" + "\n".join(tail))
            time.sleep(0.1)

    def _end_leftover(self) -> None:
        """End a server that a killed command has left behind."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and str(self.data).encode() in command.read_bytes():
            os.kill(pid, signal.SIGQUIT)
            deadline = time.monotonic() + _STOP_SECONDS
            while command.exists() and time.monotonic() < deadline:
                time.sleep(0.1)
        pid_file.unlink(missing_ok=True)

    def _program(self, name: str) -> Path:
        return self.programs / name


def _as_server(*more: str) -> list[str]:
    """Return what to put before a command of the server: PostgreSQL refuses to run as root."""
    user = ("--reuid", "nobody", "--regid", "nogroup", "--clear-groups")
    return ["setpriv", *(user if os.geteuid() == 0 else ()), *more, "--"]


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # a fast shutdown: clients are thrown out, data is written
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait()


def run(name: str, command: Sequence[str], *, durable: bool, tell: bool) -> int:
    """Run a command with a database, and tell where that is; return the command's exit status."""
    if os.environ.get(DSN):
        return _status(subprocess.Popen(command))
    cluster = Cluster(name, durable=durable)
    with cluster.running() as dsn:
        if tell:
            psql = shutil.which("psql") or cluster.programs / "psql"
            say(f"To query while this runs: {psql} {dsn}")
        # Last in the path: psql, for those who have none of their own.
        path = f"{os.environ.get('PATH', os.defpath)}:{cluster.programs}"
        return _status(subprocess.Popen(command, env={**os.environ, DSN: dsn, "PATH": path}))


def _status(child: subprocess.Popen[bytes]) -> int:
    """Wait for a command; Ctrl-C reaches it by itself, SIGTERM is passed on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    status = child.wait()
    return status if status >= 0 else 128 - status


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    running = actions.add_parser("run", help="run a command with a database")
    running.add_argument("name")
    running.add_argument("--fast", action="store_true", help="no syncs: for tests")
    running.add_argument("--tell", action="store_true", help="print the address first")
    running.add_argument("command", nargs="+")
    actions.add_parser("drop", help="forget the data").add_argument("name")
    options = parser.parse_args()
    try:
        if options.action == "drop":
            Cluster(options.name, durable=True).drop()
            return 0
        return run(options.name, options.command, durable=not options.fast, tell=options.tell)
    except SetupError as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
