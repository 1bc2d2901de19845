"""Fetch Debian packages into a private folder: no root, nothing of the host's own is touched."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MIRROR = re.compile(r"^(?:deb|URIs:)\s.*?(https?://\S+/debian)/?(?=\s|$)", re.MULTILINE)


class SetupError(Exception):
    """The set-up cannot go on; the message says what to do."""


def home() -> Path:
    """Return the folder for what is set up: packages, database clusters."""
    named = os.environ.get("COLLECTOR_DEV_HOME")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        # Not below root's home: the database server runs as another user and must get there.
        return Path("/var/lib/collector-dev")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "collector-dev"


def fetch(packages: Sequence[str], suite: str, into: Path) -> list[Path]:
    """Download packages of a Debian suite with all that they depend on; return the .deb files.

    Raises:
        SetupError: this is no Debian, or the mirror does not have them.
    """
    for folder in ("lists/partial", "cache/archives/partial"):
        (into / folder).mkdir(parents=True, exist_ok=True)
    (into / "status").touch()
    sources = into / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYS}] {mirror()} {suite} main\n")
    options = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": into / "lists",
        "Dir::State::Status": into / "status",
        "Dir::Cache": into / "cache",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    _run([*apt, "update"])
    _run([*apt, "--yes", "--download-only", "install", *packages])
    return sorted((into / "cache/archives").glob("*.deb"))


def unpack(archives: Iterable[Path], into: Path) -> None:
    """Unpack .deb files, running none of what is in them."""
    into.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        _run(["dpkg-deb", "--extract", str(archive), str(into)])


def say(text: str) -> None:
    """Tell how far the set-up is."""
    sys.stderr.write(f"{text}\n")


def mirror() -> str:
    """Return the mirror that this machine uses for its own packages."""
    files = [path for source in _SOURCES for path in ([source, *source.glob("*")])]
    for path in files:
        if path.is_file() and path.suffix in {".list", ".sources"} and _KEYS.exists():
            found = _MIRROR.search(path.read_text(errors="replace"))
            if found:
                return found[1]
    raise SetupError(
        "This machine's apt has no Debian mirror, so TimescaleDB cannot be fetched from one.\n"
        "Set COLLECTOR__DATABASE__DSN to a database with TimescaleDB that you have, and it is used."
    )


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise SetupError(f"{command[0]} is needed for the set-up, and is not here") from error
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command[:1])} failed:\n{done.stderr or done.stdout}")
