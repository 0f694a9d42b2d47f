"""One door: the harness knows no system by name, and the examples know nothing of the harness."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import dtx
from dtx.config.find import builtin_systems

REPOSITORY = Path(dtx.__file__).parents[1]
PACKAGE = REPOSITORY / "dtx"
HARNESS = sorted(
    path
    for path in PACKAGE.rglob("*")
    if path.suffix in {".py", ".toml", ".sql"} and PACKAGE / "patterns" not in path.parents
)
EXAMPLES = sorted(path.parent for path in REPOSITORY.glob("examples/*/system.toml"))
# Also as a part of a name: `saga_log`, `SagaError`.
PATTERN = re.compile("|".join(map(re.escape, builtin_systems())), re.IGNORECASE)


def test_there_is_something_to_look_at() -> None:
    assert len(HARNESS) > 100
    assert builtin_systems()
    assert EXAMPLES


@pytest.mark.parametrize("path", HARNESS, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_harness_knows_no_pattern_by_name(path: Path) -> None:
    assert [what for what in _knowledge(path) if PATTERN.search(what)] == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda p: p.name)
def test_services_of_an_example_know_nothing_of_dtx(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and _is_the_services(path)]
    assert files
    named = [path.name for path in files if re.search(r"dtx", path.read_text(), re.IGNORECASE)]
    assert named == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda p: p.name)
def test_an_example_names_no_registry(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and _is_tracked(path)]
    urls = {
        url for path in files for url in re.findall(r'"resolved"|registry\s*=', path.read_text())
    }
    assert urls == set()


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda p: p.name)
def test_an_example_is_shown_in_the_readme(folder: Path) -> None:
    tomllib.loads((folder / "system.toml").read_text())
    assert f"dtx run examples/{folder.name}" in (REPOSITORY / "README.md").read_text()


def _knowledge(path: Path) -> Iterator[str]:
    """What a file decides by: of Python its names and its texts, not comments and docstrings; of others all."""
    if path.suffix != ".py":
        yield path.read_text()
        return
    tree = ast.parse(path.read_text())
    docstrings = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value if node not in docstrings else ""
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    """Texts that stand alone as statements: docstrings of modules, classes, functions and attributes."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _is_tracked(path: Path) -> bool:
    return "node_modules" not in path.parts


def _is_the_services(path: Path) -> bool:
    """Everything of an example but what tells dtx and its reader about it."""
    return _is_tracked(path) and path.name not in {"system.toml", "README.md"}
