"""Every variant names its bug, which docs/bugs.md tells, and its system's page has the fault that exposes it."""

import shlex
from pathlib import Path

import pytest

import dtx
from dtx.config.find import builtin_systems, find_system
from dtx.config.loader import load_system
from dtx.config.model import Variant
from dtx.verify.registry import CHECKERS

DOCS = Path(dtx.__file__).parent.parent / "docs"
BUGS = (DOCS / "bugs.md").read_text()
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


@pytest.mark.parametrize(("system", "variant"), VARIANTS)
def test_page_has_the_exact_faults_to_copy_into_a_shell(system: str, variant: Variant) -> None:
    page = (DOCS / "patterns" / f"{system}.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{variant.name}`")]
    exposed_by, convicted_by = row.removesuffix(" |").split(" | ")[2:]
    exact = " or ".join(f"`{shlex.quote(fault)}`" for fault in variant.exposed_by)
    assert exposed_by.startswith(exact), f"{row}\nmust have: {exact}"
    assert sorted(convicted_by.split(", ")) == sorted(variant.breaks)
