"""system.toml of the saga says what its programs do."""

import subprocess
import sys
from pathlib import Path

import pytest

from dtx.config.loader import load_system
from dtx.config.model import Selection
from dtx.patterns.saga import saga_log

FOLDER = Path(saga_log.__file__).parent
SYSTEM = load_system(FOLDER)


def test_every_conversation_is_a_link() -> None:
    assert {link.name for link in SYSTEM.links} == {
        "client->orders",
        "orders->orders-db",
        "orders->payments",
        "orders->inventory",
        "payments->payments-db",
        "inventory->inventory-db",
    }


@pytest.mark.parametrize("variant", SYSTEM.variants)
def test_variant_replaces_one_program_by_one_that_exists(variant: str) -> None:
    changed = load_system(FOLDER, Selection(variant=variant))
    modules = [
        changed.workers[name].command[-1].render(str)
        for name in SYSTEM.workers
        if changed.workers[name].command != SYSTEM.workers[name].command
    ]
    assert len(modules) == 1
    assert (FOLDER / "variants" / f"{modules[0].rpartition('.')[2]}.py").is_file()


def test_faults_that_expose_variants_name_links_and_crash_points_of_the_system() -> None:
    links = {link.name for link in SYSTEM.links}
    points = {f"{p}@{w.name}" for w in SYSTEM.workers.values() for p in w.crash_points}
    for variant in SYSTEM.variants.values():
        for fault in variant.exposed_by:
            name, _, rest = fault.partition("@" if fault.startswith("lose") else ":")
            assert rest in (links if name == "lose-reply" else points)


def test_workers_import_nothing_else_of_dtx() -> None:
    program = (
        "import sys, dtx.patterns.saga.orders, dtx.patterns.saga.payments, dtx.patterns.saga.inventory\n"
        "print([m for m in sys.modules if m.startswith('dtx.') and not m.startswith('dtx.patterns')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=FOLDER
    )
    assert done.stdout.strip() == "[]"
