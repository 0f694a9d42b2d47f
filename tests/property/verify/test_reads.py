"""What readers saw, found step by step from differences, is what the definitions say when each read is taken whole."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from dtx.config.model import Isolation
from dtx.core.verdict import ReaderSummary
from tests.support.histories import INVENTORY, PAYMENTS, SUMS, RunBuilder, make_reader

BANKS = (PAYMENTS, INVENTORY)
TOTAL = 100
UNDONE_S = {PAYMENTS: 0.4, INVENTORY: 0.3}
"""When a refused transaction is undone at each, after it began."""


@dataclass(frozen=True)
class Look:
    """One read in plain words: what each bank listed, which were marked, what the values came to."""

    at_s: float
    seen: dict[str, frozenset[str]]
    pending: frozenset[str]
    total: int
    is_failed: bool


@dataclass(frozen=True)
class Scene:
    """Transactions by their beginning, and reads in order."""

    committed: dict[str, float]
    refused: dict[str, float]
    looks: tuple[Look, ...]

    def run(self) -> RunBuilder:
        run = RunBuilder()
        run.claim(isolation=Isolation.NONE)
        run.readers[SUMS] = make_reader(*BANKS, total=TOTAL)
        for tx, at_s in self.committed.items():
            run.commit(tx, at_s)
        for tx, at_s in self.refused.items():
            run.refuse(tx, at_s)
        for look in self.looks:
            answered = BANKS[:1] if look.is_failed else BANKS
            run.read(
                look.at_s,
                {bank: look.seen[bank] for bank in answered},
                values={PAYMENTS: look.total},
                pending=sorted(look.pending),
                error="no answer" if look.is_failed else "",
            )
        return run


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    begins = st.floats(0, 5).map(lambda at_s: round(at_s, 3))
    committed = {f"c{i}": draw(begins) for i in range(draw(st.integers(0, 4)))}
    refused = {f"r{i}": draw(begins) for i in range(draw(st.integers(0, 4)))}
    names = st.frozensets(st.sampled_from([*committed, *refused, "stranger"]))
    moments = draw(st.lists(st.integers(0, 6000), max_size=8, unique=True))
    looks = tuple(
        Look(
            at_s=moment / 1000,
            seen={bank: draw(names) for bank in BANKS},
            pending=draw(names),
            total=TOTAL + draw(st.integers(-2, 2)),
            is_failed=draw(st.booleans()),
        )
        for moment in sorted(moments)
    )
    return Scene(committed=committed, refused=refused, looks=looks)


def by_definition(scene: Scene) -> ReaderSummary:
    """Return the summary of a scene, each read taken whole and by itself."""
    dirty: list[set[str]] = []
    unmarked: list[set[str]] = []
    fractured: list[set[str]] = []
    back: list[set[str]] = []
    last: dict[str, frozenset[str]] = {bank: frozenset() for bank in BANKS}
    for look in scene.looks:
        answered = BANKS[:1] if look.is_failed else BANKS
        doomed = {
            tx
            for bank in answered
            for tx, at_s in scene.refused.items()
            if tx in look.seen[bank] and at_s + UNDONE_S[bank] > look.at_s
        }
        dirty.append(doomed)
        # With one answer only, its own marks are all there are; the builder gives each answer the same.
        unmarked.append(doomed - look.pending)
        one, other = (look.seen[bank] for bank in BANKS)
        fractured.append(set() if look.is_failed else set(scene.committed) & (one ^ other))
        back.append(
            {
                tx
                for bank in answered
                for tx in scene.committed
                if tx in last[bank] - look.seen[bank]
            }
        )
        last |= {bank: look.seen[bank] for bank in answered}
    offs = [look.total - TOTAL for look in scene.looks if not look.is_failed]
    wrong = [off for off in offs if off]
    failed = sum(look.is_failed for look in scene.looks)
    return ReaderSummary(
        reader=SUMS,
        reads=len(scene.looks) - failed,
        failed=failed,
        errors={"no answer": failed} if failed else {},
        dirty=sum(map(bool, dirty)),
        unmarked=sum(map(bool, unmarked)),
        dirty_transactions=len(set().union(*dirty)),
        fractured=sum(map(bool, fractured)),
        fractured_transactions=len(set().union(*fractured)),
        went_back=sum(map(bool, back)),
        went_back_transactions=len(set().union(*back)),
        total=TOTAL,
        wrong_sums=len(wrong),
        low=min(wrong, default=0),
        high=max(wrong, default=0),
    )


@given(scenes())
def test_walk_over_differences_finds_what_the_definitions_say(scene: Scene) -> None:
    assert scene.run().judge().readers == (by_definition(scene),)


@given(scenes())
def test_higher_levels_convict_of_all_that_lower_ones_do(scene: Scene) -> None:
    run = scene.run()
    convicted = []
    for level in Isolation:
        run.claim(isolation=level)
        convicted.append("isolation" in run.judge().violated_checkers)
    assert convicted == sorted(convicted)
    assert not convicted[0]
