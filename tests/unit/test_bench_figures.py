"""The figures that benchmarks print: medians, pairs and the statements taken from a log."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(BENCH.glob("bench_*.py")), ids=lambda path: path.stem)
def test_benchmark_can_be_loaded_and_measures(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    assert callable(load(path.stem).measure)


def test_ratio_is_the_median_of_pairs() -> None:
    figure = load("figures").Figure(
        what="x", values=[1, 10, 3], unit="s", peer="y", peer_values=[1, 5, 1]
    )
    assert figure.ratio == 2
    assert figure.cells()[:5] == ("x", "3 s (1-10)", "y", "1 s (1-5)", "2 x (1-3)")


def test_one_peer_stands_for_all() -> None:
    figure = load("figures").Figure(
        what="x", values=[1, 2], unit="s", peer="limit", peer_values=[2]
    )
    assert figure.ratios == [0.5, 1]


def test_first_round_is_not_counted_and_measures_take_turns() -> None:
    calls: list[str] = []

    def one(name: str) -> float:
        calls.append(name)
        return len(calls)

    found = load("figures").repeated(2, lambda: one("a"), lambda: one("b"))
    assert calls == ["a", "b"] * 3
    assert found == [[3, 5], [4, 6]]


LOG = """\
2026-01-01 00:00:00.000 UTC [7] LOG:  statement: BEGIN
2026-01-01 00:00:00.000 UTC [8] LOG:  execute <unnamed>: select 'healthy'
2026-01-01 00:00:00.001 UTC [7] LOG:  execute <unnamed>: insert into paid
\tvalues ($1, $2, $3)
2026-01-01 00:00:00.001 UTC [7] DETAIL:  Parameters: $1 = 't1', $2 = 'o''neil', $3 = NULL
2026-01-01 00:00:00.002 UTC [7] LOG:  statement: COMMIT
2026-01-01 00:00:00.003 UTC [7] LOG:  execute s1: update other set a = $1
2026-01-01 00:00:00.003 UTC [7] DETAIL:  Parameters: $1 = 't2'
"""


def test_statements_of_a_transaction_are_those_of_its_local_transactions() -> None:
    begin, insert, commit = load("statements").of_transaction({"pay-db": LOG}, "t1")
    assert (begin.text, commit.text) == ("BEGIN", "COMMIT")
    assert insert.parameters == ("t1", "o'neil", None)
    assert insert.of("t1", "t9") == ("t9", "o'neil", None)
