"""Ask whether the locked packages have known vulnerabilities; fail if one has.

    audit.py requirements.txt

The sources of advisories are PyPI and, where that has none (a mirror has the packages only), OSV.
Where neither can be reached, one line says so and the status is 0: it is no fault of the packages,
and nobody should have to be online to run the tests. A package that the source does not know is
named, not passed over.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_SOURCES = ("pypi", "osv")
_TOTAL_SECONDS = 30
_NO_SOURCE = (
    "ConnectionError",
    "ConnectTimeout",
    "HTTPError",
    "ReadTimeout",
    "SSLError",
    "ServiceError",
    "Timeout",
    "JSONDecodeError",
)
"""What pip-audit ends with, as the class of the last exception, where a source does not serve."""


class AuditError(Exception):
    """The packages could not be read: nothing to do with the source."""


@dataclass
class Findings:
    """What a source has said."""

    known: int = 0
    unknown: list[str] = field(default_factory=list)
    vulnerable: list[str] = field(default_factory=list)


def ask(source: str, requirements: Path, seconds: float, osv_url: str | None) -> Findings | None:
    """Return what a source says of the packages; None if it does not serve.

    Raises:
        AuditError: the requirements are at fault.
    """
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", source]
    command += ["--requirement", str(requirements), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", f"{seconds:.0f}"]
    if osv_url is not None:
        command += ["--osv-url", osv_url]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TOTAL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    if not done.stdout:
        last = (done.stderr.strip().splitlines() or ["pip-audit says nothing"])[-1]
        if any(name in last for name in _NO_SOURCE):
            return None
        raise AuditError(last)
    findings = Findings()
    for package in json.loads(done.stdout)["dependencies"]:
        if "skip_reason" in package:
            findings.unknown.append(package["name"])
            continue
        findings.known += 1
        for found in package["vulns"]:
            mended = ", ".join(found["fix_versions"]) or "no version yet"
            findings.vulnerable.append(
                f"{package['name']} {package['version']}: {found['id']}, mended in {mended}"
            )
    return findings if findings.known else None


def say(text: str) -> None:
    """Print a line, or a few."""
    sys.stdout.write(f"{text}\n")


def main() -> int:
    """Read the command line; ask the sources until one serves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("requirements", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0, help="to wait for each reply")
    parser.add_argument("--osv-url", help="ask only OSV, at another address")
    options = parser.parse_args()
    for source in _SOURCES if options.osv_url is None else ("osv",):
        try:
            findings = ask(source, options.requirements, options.seconds, options.osv_url)
        except AuditError as error:
            sys.stderr.write(f"audit of {options.requirements}: {error}\n")
            return 1
        if findings is not None:
            return report(source, options.requirements, findings)
    say(f"{options.requirements} is not audited: no source of advisories can be reached")
    return 0


def report(source: str, requirements: Path, findings: Findings) -> int:
    """Say what has been found; return the exit status."""
    if findings.unknown:
        say(f"{source} does not know, so not audited: {', '.join(findings.unknown)}")
    if findings.vulnerable:
        say("\n  ".join([f"{requirements}: vulnerable packages", *findings.vulnerable]))
        return 1
    say(f"{requirements}: {findings.known} packages, none with a known vulnerability ({source})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
