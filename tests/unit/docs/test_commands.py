"""What a reader copies from a page into a shell means there what the page says."""

import re
from pathlib import Path

import pytest

import dtx

ROOT = Path(dtx.__file__).parent.parent
PAGES = sorted(
    page.relative_to(ROOT)
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md"))
)
RECORDS = Path("docs/measured.md")
"""Tables as `dtx matrix` printed them, to read and not to copy."""
_FAULT = re.compile(r"`([a-z-]+(?::[^`'@]*)?@[^`'\s]*->[^`'\s]*)`")
_QUOTED = re.compile(r"'[^']*(?:'|$)|\"[^\"]*\"")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_link_is_left_for_the_shell_to_redirect(page: Path) -> None:
    text = (ROOT / page).read_text()
    commands = [line for line in text.splitlines() if re.match(r" {2,}dtx |.*`dtx ", line)]
    bare = [line for line in commands if "->" in _QUOTED.sub("", line)]
    assert not bare
    assert page == RECORDS or not _FAULT.findall(text)
