"""system.toml of the saga says what its programs do."""

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
def test_variant_replaces_one_program_by_one_that_exists_or_claims_too_much(variant: str) -> None:
    changed = load_system(FOLDER, Selection(variant=variant))
    reference = system_of(changed.workload)
    modules = [
        changed.workers[name].command[-1].render(str)
        for name in reference.workers
        if changed.workers[name].command != reference.workers[name].command
    ]
    if changed.contract != reference.contract:
        assert modules == []
        return
    assert len(modules) == 1
    assert (FOLDER / "variants" / f"{modules[0].rpartition('.')[2]}.py").is_file()


def test_faults_that_expose_variants_name_links_and_crash_points_of_the_system() -> None:
    for variant in SYSTEM.variants.values():
        system = system_of(variant.workload)
        links = {link.name for link in system.links}
        points = {f"{p}@{w.name}" for w in system.workers.values() for p in w.crash_points}
        for fault in variant.exposed_by:
            name, _, rest = fault.partition("@" if fault.startswith("lose") else ":")
            if name != "none":
                assert rest in (links if name == "lose-reply" else points)


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
