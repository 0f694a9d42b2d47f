"""Which cells a matrix has, and which faults a system is spared."""

from dataclasses import replace

import pytest

from dtx.campaign.cells import CampaignSettings
from dtx.campaign.matrix import SELDOM, MatrixSettings, matrix_cells
from dtx.core.errors import ConfigError, UsageError


def settings(*faults: str, seeds: int = 2) -> MatrixSettings:
    return MatrixSettings(
        systems=("saga",), faults=faults, seeds=seeds, campaign=CampaignSettings()
    )


def test_every_fault_has_a_cell_for_each_seed() -> None:
    cells, skipped = matrix_cells(settings("none", "kill"))
    assert [(c.fault, c.seed) for c in cells] == [
        ("none", 1),
        ("none", 2),
        ("kill", 1),
        ("kill", 2),
    ]
    assert skipped == ()


@pytest.mark.parametrize("fault", ["power-loss", "power-loss@each", "kill+power-loss"])
def test_a_fault_that_the_system_cannot_suffer_is_skipped_with_the_reason(fault: str) -> None:
    cells, (skipped,) = matrix_cells(settings("kill", fault))
    assert {cell.fault for cell in cells} == {"kill"}
    assert skipped.fault == fault
    assert "saga has" in skipped.reason


def test_links_that_only_a_failure_puts_to_use_are_skipped_with_the_reason() -> None:
    cells, skipped = matrix_cells(replace(settings("partition@each"), systems=("tcc",)))
    assert "partition@checkout->payments" in {cell.fault for cell in cells}
    assert [(one.fault, one.reason) for one in skipped] == [
        (f"partition@{name}->checkout", SELDOM) for name in ("orders", "payments", "inventory")
    ]


def test_every_workload_has_cells_of_its_own() -> None:
    wanted = replace(settings("crash-at:each", seeds=1), workloads=("order", "credit"))
    cells, _ = matrix_cells(wanted)
    points = {cell.fault for cell in cells if cell.workload == "credit"}
    assert "crash-at:reserve-before-commit@customers" in points
    assert {cell.subject_name for cell in cells} == {"saga", "saga credit"}


def test_variant_brings_its_workload() -> None:
    name = "claims-isolation"
    cells, _ = matrix_cells(replace(settings("none"), variant=name))
    assert {cell.subject_name for cell in cells} == {"saga transfer/claims-isolation"}
    with pytest.raises(ConfigError, match='of the workload "transfer"'):
        matrix_cells(replace(settings("none"), variant=name, workloads=("credit",)))


def test_a_misspelt_place_is_an_error_and_not_skipped() -> None:
    with pytest.raises(UsageError, match="paymnts"):
        matrix_cells(settings("kill@paymnts"))
