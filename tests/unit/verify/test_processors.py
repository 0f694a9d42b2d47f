"""The part of the machine that others had, over any span of the record."""

import pytest

from dtx.core.history import ProcessorUse
from dtx.verify.processors import foreign_share

SECOND_NS = 1_000_000_000


def use(begin_s: int, end_s: int, foreign_s: float, processors: int = 2) -> ProcessorUse:
    return ProcessorUse(
        at_ns=end_s * SECOND_NS, since_ns=begin_s * SECOND_NS, processors=processors, own_s=0.1, foreign_s=foreign_s
    )  # fmt: skip


def test_all_processors_count() -> None:
    assert foreign_share([use(0, 10, 5.0)], 0, 10 * SECOND_NS) == pytest.approx(0.25)


def test_pieces_outside_of_the_span_do_not_count() -> None:
    uses = [use(0, 2, 4.0), use(2, 4, 1.0), use(4, 6, 4.0)]
    assert foreign_share(uses, 2 * SECOND_NS, 4 * SECOND_NS) == pytest.approx(0.25)


def test_piece_that_reaches_in_counts_in_part() -> None:
    uses = [use(0, 2, 4.0), use(2, 4, 0.0)]
    assert foreign_share(uses, SECOND_NS, 4 * SECOND_NS) == pytest.approx(1 / 3)


@pytest.mark.parametrize("uses", [[], [use(0, 1, 2.0)], [use(5, 5, 0.0)]])
def test_nothing_recorded_in_the_span_is_no_excuse(uses: list[ProcessorUse]) -> None:
    assert foreign_share(uses, 3 * SECOND_NS, 9 * SECOND_NS) == 0.0


def test_ticks_that_add_up_to_more_than_the_time_are_all_of_it() -> None:
    assert foreign_share([use(0, 1, 2.01)], 0, SECOND_NS) == 1.0
