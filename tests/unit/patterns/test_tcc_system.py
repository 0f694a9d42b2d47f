"""system.toml of `tcc` says what its programs do."""

import importlib
from pathlib import Path

import pytest

from dtx.config.loader import load_system
from dtx.config.model import Selection, System
from dtx.patterns.tcc import tcc_log

FOLDER = Path(tcc_log.__file__).parent
SYSTEM = load_system(FOLDER)


def system_of(workload: str | None) -> System:
    return load_system(FOLDER, Selection(workload=workload))


def modules_of(system: System) -> set[str]:
    return {worker.command[-1].render(str) for worker in system.workers.values()}


def links_of(coordinator: str, participants: tuple[str, ...]) -> set[str]:
    return {
        f"client->{coordinator}",
        f"{coordinator}->log-db",
        *(f"{coordinator}->{name}" for name in participants),
        *(f"{name}->{name}-db" for name in participants),
        *(f"{name}->{coordinator}" for name in participants),
    }


def test_every_conversation_is_a_link() -> None:
    shop, banks = ("orders", "payments", "inventory"), ("bank-a", "bank-b")
    assert {link.name for link in SYSTEM.links} == links_of("checkout", shop)
    readers = {f"auditor->{bank}" for bank in banks}
    transfer = {link.name for link in system_of("transfer").links}
    assert transfer == links_of("transfers", banks) | readers


@pytest.mark.parametrize("workload", SYSTEM.workloads)
def test_participants_declare_the_crash_points_that_the_barrier_has(workload: str) -> None:
    points = {
        f"{step}-{when}-commit"
        for step in ("try", "confirm", "cancel")
        for when in ("before", "after")
    }
    for worker in system_of(workload).workers.values():
        if worker.role is None:
            assert set(worker.crash_points) == points


@pytest.mark.parametrize("variant", SYSTEM.variants)
def test_variant_is_a_program_of_its_own_that_passes_its_crash_points(variant: str) -> None:
    changed = load_system(FOLDER, Selection(variant=variant))
    reference = system_of(changed.workload)
    modules = modules_of(changed) - modules_of(reference)
    assert modules
    declared = {p for worker in reference.workers.values() for p in worker.crash_points}
    for module in modules:
        assert module.startswith("dtx.patterns.tcc.variants.")
        assert callable(importlib.import_module(module).main)
    for worker in changed.workers.values():
        text = FOLDER / "variants" / f"{worker.command[-1].render(str).rpartition('.')[2]}.py"
        for point in set(worker.crash_points) - declared:
            assert f'"{point}"' in text.read_text()
