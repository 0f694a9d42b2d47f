"""Of several results the worst counts."""

import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.core.exit_codes import ExitCode, worst


@pytest.mark.parametrize(
    ("codes", "counts"),
    [
        ([ExitCode.HOLDS, ExitCode.HOLDS], ExitCode.HOLDS),
        ([ExitCode.HOLDS, ExitCode.UNKNOWN], ExitCode.UNKNOWN),
        ([ExitCode.ENVIRONMENT, ExitCode.UNKNOWN], ExitCode.ENVIRONMENT),
        ([ExitCode.ENVIRONMENT, ExitCode.INTERNAL], ExitCode.INTERNAL),
        ([ExitCode.VIOLATED, ExitCode.INTERNAL, ExitCode.HOLDS], ExitCode.VIOLATED),
        ([], ExitCode.UNKNOWN),
    ],
)
def test_worst_of_several_counts(codes: list[ExitCode], counts: ExitCode) -> None:
    assert worst(codes) is counts


def test_every_code_has_its_place_in_the_order() -> None:
    for code in ExitCode:
        assert worst([code]) is code


def test_condition_that_becomes_true_at_the_last_look_counts() -> None:
    assert poll_until(lambda: True, Deadline.after(0))


def test_condition_that_stays_false_ends_with_the_deadline() -> None:
    assert not poll_until(lambda: False, Deadline.after(0.01), every_s=0.001)
