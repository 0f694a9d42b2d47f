"""Conservation: the contract's invariants, scalar or key by key, exact, in whole numbers (I1)."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dtx.config.model import Contract, Invariant
from dtx.config.sides import side_names
from dtx.core.observation import InvariantRow, Side
from dtx.core.verdict import Finding
from dtx.verify.check import Checker, Judgement, Premise
from dtx.verify.ledger import Ledger
from dtx.verify.suspects import find_suspect
from dtx.verify.words import count, listed

NAME: Final = "conservation"
CLAIM: Final = "the contract's invariants hold"

COMPARE: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Values = Mapping[str, int]


def judge(ledger: Ledger) -> Judgement:
    """Convict every invariant that does not hold, with the keys that break it."""
    by_name: dict[str, list[InvariantRow]] = {}
    for row in ledger.observations.invariants:
        by_name.setdefault(row.name, []).append(row)
    judged = 0
    findings: list[Finding] = []
    for invariant in ledger.contract.invariants:
        compared, broken = _compare(invariant, by_name.get(invariant.name, []))
        judged += compared
        if broken:
            findings.append(_finding(ledger, invariant, compared, broken))
    return Judgement(judged=judged, findings=tuple(findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """What is broken at one key: both sides in words, and by how much the left one differs."""

    words: str
    off_by: int


def _compare(invariant: Invariant, rows: Iterable[InvariantRow]) -> tuple[int, dict[str, _Gap]]:
    """Return how many keys were compared, and what is broken.

    A key that one side does not have counts as 0 there: a customer without captures has no row of them.
    """
    left, right = _sides(rows)
    holds = COMPARE[invariant.compare]
    if isinstance(invariant.right, int):
        right = dict.fromkeys(left, invariant.right)
    keys = sorted(left.keys() | right.keys())
    broken = {
        key: _Gap(
            words=_words(invariant, left, right, key),
            off_by=left.get(key, 0) - right.get(key, 0),
        )
        for key in keys
        if not holds(left.get(key, 0), right.get(key, 0))
    }
    return len(keys), broken


def _sides(rows: Iterable[InvariantRow]) -> tuple[Values, Values]:
    # A side may have several queries: a key that more than one of them returns is the sum of its rows.
    left: dict[str, int] = {}
    right: dict[str, int] = {}
    for row in rows:
        side = left if row.side is Side.LEFT else right
        side[row.key] = side.get(row.key, 0) + row.value
    return left, right


def _words(invariant: Invariant, left: Values, right: Values, key: str) -> str:
    """Return e.g. `payments-db 21550, orders-db 23734 (2184 too little)`."""
    names = side_names(invariant)
    here = f"{names[0]} {_value(left, key)}"
    there = names[1] if isinstance(invariant.right, int) else f"{names[1]} {_value(right, key)}"
    if invariant.compare != "=":
        return f"{here} is not {invariant.compare} {there}"
    gap = left.get(key, 0) - right.get(key, 0)
    between = " instead of" if isinstance(invariant.right, int) else ","
    return f"{here}{between} {there} ({abs(gap)} too {'much' if gap > 0 else 'little'})"


def _value(side: Values, key: str) -> str:
    return str(side[key]) if key in side else "no row"


def _finding(
    ledger: Ledger, invariant: Invariant, compared: int, broken: Mapping[str, _Gap]
) -> Finding:
    if tuple(broken) == ("",):
        summary = f"{invariant.name}: {broken[''].words}"
        subjects: tuple[str, ...] = (invariant.name,)
    else:
        subjects = tuple(broken)
        summary = f"{invariant.name}: broken for {listed(subjects)}, {len(broken)} of {count(compared, 'key')}"
    return Finding(
        checker=NAME,
        claim=f"{CLAIM}: {invariant.name}",
        summary=summary,
        subjects=subjects,
        evidence=tuple(f"{key}: {gap.words}" if key else gap.words for key, gap in broken.items()),
        suspect=find_suspect(ledger, invariant, {key: gap.off_by for key, gap in broken.items()}),
    )


def _is_claimed(contract: Contract) -> bool:
    return bool(contract.invariants)


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED, Premise.COMPLETE, Premise.HEALED, Premise.ENDED),
)
