"""What the documents say is there is there, and what is there is in the documents."""

import re
from pathlib import Path

import pytest

from collector.cli import cli
from collector.venues import VENUES
from collector.venues.spec import Venue

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = sorted([*ROOT.glob("collector/**/*.py"), *ROOT.glob("migrations/*.sql")])


def text_of(name: str) -> str:
    """Return a document of this repository."""
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    """A file that was moved takes its links along."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_comments_refer_to_documents_that_exist(source: Path) -> None:
    """Whoever follows a comment finds the page."""
    named = re.findall(r"docs/[a-z_/]+(?:\.md|/)", source.read_text(encoding="utf-8"))

    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
def test_every_venue_has_its_page(venue: Venue) -> None:
    """It names the endpoints and the host that are asked, and how sides are counted."""
    page = text_of(f"docs/venues/{venue.name}.md")
    requests = venue.plan_listing(venue.default_product_types or [""])

    assert all(request.path in page for request in requests)
    assert all(host.removeprefix("https://") in page for host in venue.base_urls)
    assert "sides" in page


def test_every_limit_is_in_the_limiters_page() -> None:
    """By its scope, and by its count and window as the table writes them."""
    page = text_of("docs/limiter.md")
    limits = {limit for venue in VENUES.values() for limit in venue.limits}

    missing = [
        limit
        for limit in limits
        if f"`{limit.scope}`" not in page or f"{limit.count:,} in {limit.seconds:g} s" not in page
    ]
    assert missing == []


def test_the_readme_names_every_command() -> None:
    """Of the program and of make: what is not there is not found."""
    readme = text_of("README.md")
    targets = re.findall(r"^([a-z]+):.*## ", text_of("Makefile"), re.MULTILINE)

    assert [name for name in cli.commands if f"`collector {name}" not in readme] == []
    assert [name for name in targets if f"make {name}" not in readme and name != "help"] == []
