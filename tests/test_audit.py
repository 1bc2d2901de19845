"""The audit of the dependencies: what is found fails, and what cannot be asked is said."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web

SCRIPT = Path(__file__).parents[1] / "scripts/audit.py"
ADVISORY = {
    "id": "PYSEC-2099-1",
    "modified": "2099-01-01T00:00:00Z",
    "published": "2099-01-01T00:00:00Z",
    "aliases": [],
    "summary": "everything leaks",
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """Two locked packages, of which one is old."""
    path = tmp_path / "locked.txt"
    hashed = f"--hash=sha256:{'0' * 64}"
    path.write_text(f"idna==3.10 {hashed}\nclick==8.1.8 {hashed}\n")
    return path


class Osv:
    """Answers as OSV does: advisories by the name of a package."""

    def __init__(self) -> None:
        self.advisories: Mapping[str, object] = {}
        self.status = 200
        self.speak = asyncio.Event()
        self.speak.set()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a query."""
        await self.speak.wait()
        name = json.loads(await request.text())["package"]["name"]
        known = [self.advisories[name]] if name in self.advisories else []
        return web.json_response({"vulns": known} if known else {}, status=self.status)


@pytest.fixture
async def osv() -> Osv:
    """A source that knows of nothing."""
    return Osv()


@pytest.fixture
async def url(osv: Osv, unused_port: int) -> AsyncIterator[str]:
    """Where it is."""
    app = web.Application()
    app.router.add_post("/v1/query", osv.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_port).start()
    yield f"http://127.0.0.1:{unused_port}/v1/query"
    osv.speak.set()
    await runner.cleanup()


async def audit(requirements: Path, url: str) -> tuple[int | None, str, str]:
    """Run the script; return its status, its output and its errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), str(requirements), "--osv-url", url, "--seconds", "1"),
        stdout=PIPE,
        stderr=PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_a_known_vulnerability_fails_and_is_named(
    requirements: Path, osv: Osv, url: str
) -> None:
    """With the package, the advisory, and the version that mends it."""
    osv.advisories = {"idna": ADVISORY}

    assert await audit(requirements, url) == (
        1,
        f"{requirements}: vulnerable packages\n  idna 3.10: PYSEC-2099-1, mended in 99.0\n",
        "",
    )


async def test_without_one_it_says_how_many_were_asked_for(requirements: Path, url: str) -> None:
    """So that nobody takes an audit of nothing for a good one."""
    assert await audit(requirements, url) == (
        0,
        f"{requirements}: 2 packages, none with a known vulnerability (osv)\n",
        "",
    )


@pytest.mark.parametrize("trouble", ["nobody listens", "status 404", "status 503", "silence"])
async def test_a_source_that_does_not_serve_is_one_line_and_no_failure(
    requirements: Path, osv: Osv, url: str, trouble: str
) -> None:
    """Neither silent nor red: it says nothing about the packages."""
    if trouble == "silence":
        osv.speak.clear()
    if trouble.startswith("status"):
        osv.status = int(trouble.split()[1])
    if trouble == "nobody listens":
        url = "http://127.0.0.1:1/v1/query"

    assert await audit(requirements, url) == (
        0,
        f"{requirements} is not audited: no source of advisories can be reached\n",
        "",
    )


@pytest.mark.parametrize("content", ["idna==3.10\n", "what is this?\n"])
async def test_a_file_that_cannot_be_read_is_not_taken_for_a_source_that_is_away(
    requirements: Path, url: str, content: str
) -> None:
    """Without hashes, or no requirements at all: status 1 and a sentence."""
    requirements.write_text(content)
    status, output, errors = await audit(requirements, url)

    assert (status, output) == (1, "")
    assert len(errors.splitlines()) == 1
