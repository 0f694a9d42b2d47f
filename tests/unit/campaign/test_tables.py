"""What a campaign concludes from its cells: rows, exit codes, and faults written out with `each`."""

from pathlib import Path

from dtx.campaign.cells import CampaignSettings
from dtx.campaign.expand import expand, seldom_used
from dtx.campaign.matrix import matrix_rows
from dtx.campaign.selftest import (
    Expectation,
    SelftestSettings,
    expected_cells,
    reference_faults,
    selftest_cells,
    selftest_exit_code,
    selftest_row,
)
from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.core.campaign import CellResult
from dtx.core.exit_codes import ExitCode
from dtx.core.verdict import Status
from tests.unit.docs.test_own_system import copied

SAGA = load_system(find_system("saga"))
EXPOSED = Expectation(
    system="saga", variant="broken", fault="lose-reply", breaks=("exactly-once", "conservation")
)
CALM = Expectation(system="saga", variant="broken", fault="none")
REFERENCE = Expectation(system="saga", fault="partition")


def result(
    one: Expectation,
    status: Status | None,
    *violated: str,
    seed: int = 1,
    has_landed: bool = True,
) -> CellResult:
    return CellResult(
        cell=one.cell(one.fault, seed),
        exit_code=status.exit_code if status else ExitCode.ENVIRONMENT,
        status=status,
        violated=tuple(sorted(violated)),
        has_landed=has_landed,
    )


def convicted(count: int) -> list[CellResult]:
    return [result(EXPOSED, Status.VIOLATED, "conservation", "exactly-once") for _ in range(count)]


def test_variant_convicted_by_exactly_its_checkers_passes() -> None:
    assert selftest_row(EXPOSED, convicted(10)).is_passed


def test_variant_convicted_in_nine_of_ten_passes_and_in_eight_does_not() -> None:
    missed = [result(EXPOSED, Status.HOLDS)]
    assert selftest_row(EXPOSED, convicted(9) + missed).is_passed
    assert not selftest_row(EXPOSED, convicted(8) + missed * 2).is_passed


def test_variant_convicted_by_one_checker_more_does_not_count() -> None:
    other = result(EXPOSED, Status.VIOLATED, "conservation", "exactly-once", "atomicity")
    row = selftest_row(EXPOSED, [other])
    assert not row.is_passed
    assert row.others == {"violated: atomicity, conservation, exactly-once": 1}


def test_cell_whose_fault_did_not_land_is_not_counted() -> None:
    idle = result(EXPOSED, Status.UNKNOWN, has_landed=False)
    row = selftest_row(EXPOSED, [*convicted(5), *[idle] * 5])
    assert row.is_passed
    assert (row.cells, row.landed) == (10, 5)


def test_variant_whose_fault_never_landed_fails() -> None:
    idle = result(EXPOSED, Status.UNKNOWN, has_landed=False)
    assert not selftest_row(EXPOSED, [idle]).is_passed


def test_variant_that_needs_no_fault_is_run_with_every_seed_and_a_calm_one_with_a_few() -> None:
    settings = SelftestSettings(systems=("saga",), seeds=10, campaign=CampaignSettings())
    needs_none = Expectation(system="saga", variant="broken", fault="none", breaks=("atomicity",))
    assert len(selftest_cells(needs_none, settings)) == 10
    assert len(selftest_cells(CALM, settings)) == 3


def test_variant_must_hold_without_fault() -> None:
    assert selftest_row(CALM, [result(CALM, Status.HOLDS)]).is_passed
    assert not selftest_row(CALM, [result(CALM, Status.VIOLATED, "atomicity")]).is_passed


def test_reference_that_is_accused_fails_selftest() -> None:
    good = [result(REFERENCE, Status.HOLDS)] * 99
    row = selftest_row(REFERENCE, [*good, result(REFERENCE, Status.VIOLATED, "atomicity")])
    assert not row.is_passed
    assert selftest_exit_code([row], []) is ExitCode.VIOLATED


def test_references_may_be_unknown_in_one_of_twenty() -> None:
    unknown = [result(REFERENCE, Status.UNKNOWN)]
    row = selftest_row(REFERENCE, [result(REFERENCE, Status.HOLDS)] * 19 + unknown)
    assert selftest_exit_code([row], []) is ExitCode.HOLDS
    row = selftest_row(REFERENCE, [result(REFERENCE, Status.HOLDS)] * 9 + unknown)
    assert selftest_exit_code([row], []) is ExitCode.VIOLATED


def test_selftest_of_nothing_is_unknown() -> None:
    assert selftest_exit_code([], []) is ExitCode.UNKNOWN


def test_cell_that_could_not_run_counts_as_environment() -> None:
    row = selftest_row(EXPOSED, convicted(10))
    failed = result(EXPOSED, None)
    assert selftest_exit_code([row], [failed]) is ExitCode.ENVIRONMENT


def test_matrix_row_counts_each_status_once() -> None:
    results = [
        result(REFERENCE, Status.HOLDS),
        result(REFERENCE, Status.UNKNOWN, has_landed=False),
        result(REFERENCE, Status.VIOLATED, "atomicity"),
        result(REFERENCE, None, has_landed=False),
    ]
    [row] = matrix_rows(results)
    assert (row.cells, row.landed, row.holds, row.violated, row.unknown, row.failed) == (
        4, 2, 1, 1, 1, 1,
    )  # fmt: skip
    assert row.violated_checkers == ("atomicity",)


def test_each_is_written_out_for_points_nodes_and_links() -> None:
    points = expand(["crash-at:each,at=1s"], SAGA)
    assert len(points) == sum(len(w.crash_points) for w in SAGA.workers.values())
    assert all(p.startswith("crash-at:") and p.endswith(",at=1s") for p in points)
    assert set(expand(["kill@each"], SAGA)) == {f"kill@{node}" for node in SAGA.nodes}
    links = expand(["partition@each,for=1s"], SAGA)
    assert "partition@orders->payments,for=1s" in links
    assert not any("client" in link for link in links)
    assert expand(["none", "none"], SAGA) == ("none",)


def test_each_leaves_out_links_that_only_a_failure_puts_to_use() -> None:
    tcc = load_system(find_system("tcc"))
    links = expand(["partition@each,for=1s"], tcc)
    assert "partition@checkout->payments,for=1s" in links
    assert "partition@payments->checkout,for=1s" not in links
    assert seldom_used("partition@each,for=1s", tcc) == (
        "partition@orders->checkout,for=1s",
        "partition@payments->checkout,for=1s",
        "partition@inventory->checkout,for=1s",
    )
    assert expand(["partition@payments->checkout"], tcc) == ("partition@payments->checkout",)
    for other in ("kill@each", "crash-at:each", "partition@payments->checkout", "partition"):
        assert seldom_used(other, tcc) == ()
    assert seldom_used("partition@each", SAGA) == ()


def test_a_system_without_crash_points_is_tested_under_the_other_faults(tmp_path: Path) -> None:
    own = load_system(copied(tmp_path))
    assert reference_faults(own) == ("none", "partition", "lose-reply", "kill")
    assert any(fault.startswith("crash-at:") for fault in reference_faults(SAGA))


def test_each_means_the_nodes_that_the_fault_can_hurt() -> None:
    assert expand(["lock:busiest@each,for=1s"], SAGA) == tuple(
        f"lock:busiest@{name},for=1s" for name in SAGA.databases
    )
    assert expand(["restart@each"], SAGA) == tuple(f"restart@{name}" for name in SAGA.nodes)
    assert expand(["zombie@each"], SAGA) == tuple(f"zombie@{name}" for name in SAGA.workers)


def subjects(*workloads: str) -> set[str]:
    settings = SelftestSettings(
        systems=("saga",), workloads=workloads, seeds=1, campaign=CampaignSettings()
    )
    return {cell.subject_name for cell in expected_cells(settings)}


def test_selftest_tries_every_workload_with_its_variants() -> None:
    assert {"saga", "saga credit", "saga transfer", "saga transfer/claims-isolation"} <= subjects()
    assert subjects("transfer") == {"saga transfer", "saga transfer/claims-isolation"}
    assert "saga/not-idempotent" in subjects("order")
    assert "saga credit" not in subjects("order")
