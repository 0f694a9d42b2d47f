"""Rules of the house that no linter holds."""

import ast
from pathlib import Path

import pytest

import dtx

ROOT = Path(dtx.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
LONGEST_MODULE = 400
PATTERNS = tuple(p.parent.name for p in (ROOT / "patterns").glob("*/system.toml"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_has_one_idea_and_says_which(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module opens with one line of purpose"


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if "patterns" not in p.relative_to(ROOT).parts],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_harness_knows_no_pattern_by_name(path: Path) -> None:
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    said = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]
    named = [text for text in said for pattern in PATTERNS if pattern in text.split()]
    assert not named
