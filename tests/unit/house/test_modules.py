"""Rules of the house that no linter holds."""

import ast
from pathlib import Path

import pytest

import dtx

ROOT = Path(dtx.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
LONGEST_MODULE = 400


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_has_one_idea_and_says_which(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module opens with one line of purpose"
