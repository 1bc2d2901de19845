"""Bring `docker-compose.yml` up on a real Docker engine, see rows, and take it down again.

    sudo python3 scripts/try_compose.py

For a machine that reaches Debian's mirror and PyPI but no image registry: the two images that the
shipped files name are stood in for, under the same names, by ones that are made here. The Python
image becomes Debian 12 with its python3; the TimescaleDB image becomes Debian 13's PostgreSQL 17
with TimescaleDB (Apache-2 edition) and a start-up script that understands the same variables.
Nothing of this is shipped. It needs root, `dockerd` and `debootstrap`; it starts a Docker engine of
its own if none runs. Not part of `make test`.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from debian import fetch, home, mirror, say, unpack

ROOT = Path(__file__).resolve().parents[1]


PYTHON_IMAGE = "docker.io/library/python:3.11-slim-bookworm"
DATABASE_IMAGE = "docker.io/timescale/timescaledb:2.31.0-pg17"
PASSWORDS = ("POSTGRES_PASSWORD", "OWNER_PASSWORD", "COLLECTOR_PASSWORD", "ANALYST_PASSWORD")
FILES = ("-f", "docker-compose.yml", "-f", "tests/compose/simulated.yml")
QUESTION = (
    "SELECT venue, count(*), count(DISTINCT symbol), max(exchange_ts) FROM open_interest"
    " GROUP BY venue ORDER BY venue"
)
COUNT = "SELECT count(*) FROM open_interest"
WHO = (
    "SELECT usename, application_name, tableowner FROM pg_stat_activity, pg_tables"
    " WHERE application_name = 'collector' AND tablename = 'open_interest'"
)
START_DATABASE = r"""#!/bin/sh
# Stands in for the official image's start-up script.
set -eu
data=/var/lib/postgresql/data
bin=/usr/lib/postgresql/17/bin
as_postgres="setpriv --reuid postgres --regid postgres --clear-groups --"
if [ ! -s "$data/PG_VERSION" ]; then
    chown postgres:postgres "$data"
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    chmod 644 /tmp/password
    $as_postgres $bin/initdb --pgdata "$data" --username postgres --pwfile /tmp/password \
        --auth-local trust --auth-host scram-sha-256 --encoding UTF8 \
        --locale-provider builtin --locale C.UTF-8
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
    echo "shared_preload_libraries = 'timescaledb'" >> "$data/postgresql.conf"
    $as_postgres $bin/pg_ctl -D "$data" -w -o "-c listen_addresses=" start
    psql --username postgres --command "CREATE DATABASE \"$POSTGRES_DB\""
    $as_postgres $bin/pg_ctl -D "$data" -w stop
fi
exec $as_postgres $bin/postgres -D "$data" -c "listen_addresses=*"
"""


def run(*command: str) -> str:
    """Run a command in the checkout; return what it prints."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout.decode()


def works(*command: str) -> bool:
    """Tell whether a command succeeds."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def compose(*arguments: str) -> str:
    """Run `docker compose` on the shipped file and the simulated venues."""
    return run("docker", "compose", *FILES, *arguments)


@contextmanager
def engine() -> Iterator[None]:
    """Have a Docker engine: the one that runs, or one of our own."""
    if works("docker", "info"):
        yield
        return
    say("starting a Docker engine")
    log = (home() / "dockerd.log").open("wb")
    dockerd = subprocess.Popen(["dockerd"], stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not works("docker", "info"):
            if time.monotonic() > deadline:
                sys.exit("the Docker engine does not start")
            time.sleep(0.5)
        yield
    finally:
        dockerd.send_signal(signal.SIGTERM)
        dockerd.wait(60)


def stand_ins() -> None:
    """Make the two images that cannot be had here."""
    have = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    short = {name.removeprefix("docker.io/library/").removeprefix("docker.io/") for name in have}
    if PYTHON_IMAGE.removeprefix("docker.io/library/") not in short:
        say("making a stand-in for the Python image")
        imported(
            "bookworm",
            "python3,python3-venv,ca-certificates",
            PYTHON_IMAGE,
            certificates="/etc/ssl/certs/ca-certificates.crt",
        )
    if DATABASE_IMAGE.removeprefix("docker.io/") not in short:
        say("making a stand-in for the TimescaleDB image")
        imported(
            "trixie",
            "postgresql-17,postgresql-17-timescaledb",
            DATABASE_IMAGE,
            start=START_DATABASE,
        )


def imported(suite: str, packages: str, name: str, certificates: str = "", start: str = "") -> None:
    """Make an image of a Debian system with these packages."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        include = f"--include={packages}"
        run("debootstrap", "--variant=minbase", include, suite, str(root), mirror())
        changes = []
        if certificates:
            # pip, inside a build, has to trust what this machine trusts.
            shutil.copy(certificates, root / certificates.lstrip("/"))
            changes += ["--change", f"ENV PIP_CERT={certificates}"]
        if start:
            script = root / "usr/local/bin/start-database"
            script.write_text(start)
            script.chmod(0o755)
            changes += ["--change", 'ENTRYPOINT ["start-database"]']
        archive = Path(folder) / "root.tar"
        run("tar", "--create", "--file", str(archive), "--directory", str(root), ".")
        run("docker", "import", *changes, str(archive), name)


def plugin() -> None:
    """Install Compose, which Debian 13 has and Debian 12 has not, for this user."""
    if not works("docker", "compose", "version"):
        say("installing Compose")
        folder = Path.home() / ".docker/cli-plugins"
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as place:
            fetched = fetch(["docker-compose"], "trixie", Path(place) / "apt")
            unpack([p for p in fetched if p.name.startswith("docker-compose_")], Path(place) / "x")
            found = next((Path(place) / "x").rglob("cli-plugins/docker-compose"))
            shutil.copy(found, folder / "docker-compose")
            (folder / "docker-compose").chmod(0o755)


def main() -> None:
    """Bring everything up, look at it, and take it down."""
    os.environ.update({name: secrets.token_hex(16) for name in PASSWORDS})
    plugin()
    with engine():
        stand_ins()
        say("building the collector's image")
        compose("build")
        try:
            say("docker compose up")
            sys.stdout.write(compose("up", "--detach", "--wait"))
            look()
            rotate()
            end()
        finally:
            compose("down", "--volumes", "--timeout", "20")


def ask(user: str, question: str, *how: str) -> str:
    """Ask the database as one of its users."""
    psql = ("exec", "-T", "database", "psql", "-U", user, "-d", "collector")
    return compose(*psql, *how, "-c", question)


def look() -> None:
    """See rows of all venues, and healthy services, each with the rights that it should have."""
    deadline = time.monotonic() + 90
    while ask("analyst", "SELECT count(DISTINCT venue) FROM open_interest", "-At") != "3\n":
        if time.monotonic() > deadline:
            sys.exit(compose("logs", "collector"))
        time.sleep(1)
    sys.stdout.write(compose("ps", "--all", "--format", "table {{.Service}}\t{{.Status}}"))
    time.sleep(20)
    sys.stdout.write(ask("analyst", QUESTION))
    sys.stdout.write(ask("postgres", WHO))


def rotate() -> None:
    """Change the passwords in what stands for .env, and see rows arrive with the new ones."""
    old = [os.environ[name] for name in PASSWORDS]
    os.environ.update({name: secrets.token_hex(16) for name in PASSWORDS[1:]})
    say("docker compose up, with new passwords")
    compose("up", "--detach", "--wait")
    before = ask("analyst", COUNT, "-At")
    deadline = time.monotonic() + 60
    while int(ask("analyst", COUNT, "-At")) <= int(before):
        if time.monotonic() > deadline:
            sys.exit(compose("logs", "collector"))
        time.sleep(1)
    logs = compose("logs")
    if any(password in logs for password in old + [os.environ[name] for name in PASSWORDS]):
        sys.exit("there is a password in the logs")
    say("rows arrive, and no password is in any log")


def end() -> None:
    """See an orderly end."""
    say("stopping the collector")
    started = time.monotonic()
    compose("stop", "collector")
    states = [json.loads(line) for line in compose("ps", "-a", "--format", "json").splitlines()]
    status = {state["Service"]: state["ExitCode"] for state in states}
    say(f"it ended with status {status['collector']} after {time.monotonic() - started:.1f} s")
    sys.stdout.write(compose("logs", "--no-log-prefix", "--tail", "3", "collector"))


if __name__ == "__main__":
    main()
