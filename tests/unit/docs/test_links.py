"""A reader finds every page: links lead to files that there are, and the systems' pages are linked where one looks for them."""

import re
from pathlib import Path

import pytest

import dtx

ROOT = Path(dtx.__file__).parent.parent
PATTERNS = {page.resolve() for page in ROOT.glob("docs/patterns/*.md")}
BUGS = (ROOT / "docs" / "bugs.md").resolve()
_LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")


def linked(page: Path) -> set[Path]:
    return {(page.parent / link).resolve() for link in _LINK.findall(page.read_text())}


@pytest.mark.parametrize(
    "page", sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))), ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    assert [str(target) for target in linked(page) if not target.exists()] == []


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", "docs/tutorial.md", "docs/reference/commands.md"]
)
def test_systems_are_linked_where_a_reader_looks_for_them(page: str) -> None:
    assert linked(ROOT / page) >= PATTERNS


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_bugs_behind_the_variants_are_linked(page: str) -> None:
    assert BUGS in linked(ROOT / page)
