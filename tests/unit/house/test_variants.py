"""Every variant names its bug, and the bug is told in docs/bugs.md."""

from pathlib import Path

import pytest

import dtx
from dtx.config.find import builtin_systems, find_system
from dtx.config.loader import load_system
from dtx.config.model import Variant
from dtx.verify.registry import CHECKERS

BUGS = (Path(dtx.__file__).parent.parent / "docs" / "bugs.md").read_text()
VARIANTS = [
    pytest.param(name, variant, id=f"{name}/{variant.name}")
    for name in builtin_systems()
    for variant in load_system(find_system(name)).variants.values()
]


@pytest.mark.parametrize(("system", "variant"), VARIANTS)
def test_variant_names_a_bug_that_the_docs_tell(system: str, variant: Variant) -> None:
    [row] = [line for line in BUGS.splitlines() if f"`{system}/{variant.name}`" in line]
    assert row.startswith(f"| {variant.bug} |")
    assert row.endswith(f"| {', '.join(variant.breaks)} |")


@pytest.mark.parametrize(("system", "variant"), VARIANTS)
def test_variant_breaks_only_known_checkers(system: str, variant: Variant) -> None:
    del system
    assert variant.breaks
    assert set(variant.breaks) <= {checker.name for checker in CHECKERS}
