"""system.toml of the saga says what its programs do."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from dtx.config.loader import load_system
from dtx.config.model import Selection, System
from dtx.patterns.saga import saga_log

FOLDER = Path(saga_log.__file__).parent
SYSTEM = load_system(FOLDER)


def system_of(workload: str | None) -> System:
    return load_system(FOLDER, Selection(workload=workload))


def _programs() -> set[str]:
    systems = [system_of(workload) for workload in SYSTEM.workloads]
    workers = [worker for system in systems for worker in system.workers.values()]
    return {worker.command[-1].render(str) for worker in workers}


def test_every_conversation_is_a_link() -> None:
    assert {link.name for link in SYSTEM.links} == {
        "client->orders",
        "orders->orders-db",
        "orders->payments",
        "orders->inventory",
        "payments->payments-db",
        "inventory->inventory-db",
    }


def test_credit_and_transfer_have_links_of_their_own() -> None:
    assert {link.name for link in system_of("credit").links} == {
        "client->orders",
        "orders->orders-db",
        "orders->customers",
        "customers->customers-db",
    }
    assert {link.name for link in system_of("transfer").links} == {
        "client->transfers",
        "transfers->transfers-db",
        "transfers->bank-a",
        "transfers->bank-b",
        "bank-a->bank-a-db",
        "bank-b->bank-b-db",
        "auditor->bank-a",
        "auditor->bank-b",
    }


@pytest.mark.parametrize("variant", SYSTEM.variants)
def test_variant_replaces_programs_by_ones_that_exist_or_claims_too_much(variant: str) -> None:
    changed = load_system(FOLDER, Selection(variant=variant))
    reference = system_of(changed.workload)
    modules = {worker.command[-1].render(str) for worker in changed.workers.values()} - _programs()
    if changed.contract != reference.contract:
        assert not modules
        return
    assert modules
    for module in modules:
        assert module.startswith("dtx.patterns.saga.variants.")
        assert callable(importlib.import_module(module).main)


@pytest.mark.parametrize("variant", SYSTEM.variants)
def test_crash_points_that_a_variant_adds_are_passed_by_its_program(variant: str) -> None:
    changed = load_system(FOLDER, Selection(variant=variant))
    declared = {
        p for worker in system_of(changed.workload).workers.values() for p in worker.crash_points
    }
    for worker in changed.workers.values():
        module = worker.command[-1].render(str).rpartition(".")[2]
        for point in set(worker.crash_points) - declared:
            text = (FOLDER / "variants" / f"{module}.py").read_text()
            assert point.partition("-")[2] in text


def test_workers_import_nothing_else_of_dtx() -> None:
    program = (
        "import sys, importlib\n"
        f"for name in {sorted(_programs())}: importlib.import_module(name)\n"
        "print([m for m in sys.modules if m.startswith('dtx.') and not m.startswith('dtx.patterns')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=FOLDER
    )
    assert done.stdout.strip() == "[]"
