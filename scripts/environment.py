"""Make `.venv`: a Python environment with exactly the packages that requirements-dev.txt names.

Debian's python3 comes without pip and without what makes an environment with pip in it; both are in
the package python3-venv, for which one must be root. So pip is taken from Debian's python3-pip-whl,
unpacked into a private folder, where python3-venv is missing.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from debian import SetupError, fetch, say, unpack

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin/python"
OLDEST = (3, 11)


def main() -> int:
    """Make the environment; say what is missing if it cannot be made."""
    if sys.version_info < OLDEST:
        say("Python 3.11 or newer is needed: make PYTHON=/path/to/python3")
        return 1
    say("Setting up the Python environment (once) ...")
    try:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        if importlib.util.find_spec("ensurepip"):
            _run([sys.executable, "-m", "venv", str(ENVIRONMENT)])
            _install([str(PYTHON), "-m", "pip"], os.environ)
        else:
            _run([sys.executable, "-m", "venv", "--without-pip", str(ENVIRONMENT)])
            with TemporaryDirectory() as folder:
                wheel = _pip_wheel(Path(folder))
                _install([str(PYTHON), "-m", "pip"], {**os.environ, "PYTHONPATH": str(wheel)})
        (ENVIRONMENT / ".ready").touch()
    except SetupError as error:
        say(str(error))
        return 1
    return 0


def _install(pip: Sequence[str], environment: dict[str, str] | os._Environ[str]) -> None:
    quiet = ["install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
    locked = ["--require-hashes", "--requirement", str(ROOT / "requirements-dev.txt")]
    _run([*pip, *quiet, *locked], environment)
    # Everything that it needs is there, the build backend included.
    _run([*pip, *quiet, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], environment)


def _pip_wheel(folder: Path) -> Path:
    """Fetch pip from the Debian release that this machine runs."""
    release = dict(
        line.strip().split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    suite = release.get("VERSION_CODENAME", "").strip('"')
    if not suite:
        raise SetupError("pip is needed: install your distribution's package python3-venv")
    unpack(fetch(["python3-pip-whl"], suite, folder / "apt"), folder / "root")
    return next((folder / "root").rglob("pip-*.whl"))


def _run(
    command: Sequence[str], environment: dict[str, str] | os._Environ[str] | None = None
) -> None:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command[:4])} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
