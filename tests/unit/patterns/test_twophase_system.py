"""system.toml of `2pc` says what its programs do."""

import importlib
from pathlib import Path

import pytest

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import Selection
from dtx.patterns.twophase import tm
from dtx.patterns.twophase.transfer import Transfer

SYSTEM = load_system(find_system("2pc"))
TRANSFER = load_system(find_system("2pc"), Selection(workload="transfer"))
STANDBY = load_system(find_system("2pc"), Selection(workload="order-standby"))
PROGRAMS = Path(tm.__file__).parent


def test_every_conversation_is_a_link() -> None:
    databases = ("log-db", "orders-db", "queue-db", "payments-db", "inventory-db")
    assert {link.name for link in SYSTEM.links} == {
        "client->tm",
        *(f"tm->{database}" for database in databases),
    }


def test_every_conversation_of_the_transfers_is_a_link() -> None:
    assert {link.name for link in TRANSFER.links} == {
        "client->tm", "tm->log-db", "tm->bank-a-db", "tm->bank-b-db",
        "sums->auditor", "auditor->bank-a-db", "auditor->bank-b-db",
    }  # fmt: skip


def test_standby_is_the_same_program_on_the_same_databases_under_another_name() -> None:
    leader, standby = STANDBY.workers["tm"], STANDBY.workers["tm-standby"]
    assert standby.command == leader.command
    assert standby.crash_points == leader.crash_points
    own = {"TM_NAME", "TM_STANDBY"}
    assert {k: v for k, v in standby.env.items() if k not in own} == {
        k: v for k, v in leader.env.items() if k not in own
    }
    assert {link.destination for link in STANDBY.links if link.source == "client"} == {
        "tm", "tm-standby",
    }  # fmt: skip


def test_transfers_pass_the_same_crash_points() -> None:
    assert TRANSFER.workers["tm"].crash_points == SYSTEM.workers["tm"].crash_points


@pytest.mark.parametrize("from_bank", ["bank-a", "bank-b"])
def test_transfer_changes_each_bank_by_what_the_contract_expects(from_bank: str) -> None:
    transfer = Transfer(tx="t1", customer="ann", from_bank=from_bank, amount=7)
    into_a = {"bank-a": -1, "bank-b": 1}[from_bank]
    fields = {"amount": 7, "into_a": into_a}
    for bank in ("bank-a", "bank-b"):
        expected = TRANSFER.client.participants[f"{bank}-db"].value(fields)
        assert transfer.movement(bank)["change"] == expected


def test_declared_crash_points_are_those_of_the_code() -> None:
    text = "".join(path.read_text() for path in PROGRAMS.glob("*.py"))
    points = SYSTEM.workers["tm"].crash_points
    assert points
    assert [point for point in points if f'"{point}"' not in text] == []


@pytest.mark.parametrize("name", SYSTEM.variants)
def test_variant_is_a_program_of_its_own_that_passes_its_crash_points(name: str) -> None:
    workload = SYSTEM.variants[name].workload
    worker = load_system(find_system("2pc"), Selection(variant=name, workload=workload)).workers[
        "tm"
    ]
    module = worker.command[-1].render(str)
    assert module.startswith("dtx.patterns.twophase.variants.")
    assert callable(importlib.import_module(module).main)
    added = set(worker.crash_points) - set(SYSTEM.workers["tm"].crash_points)
    text = (PROGRAMS / "variants" / f"{module.rpartition('.')[2]}.py").read_text()
    assert [point for point in added if f'"{point}"' not in text] == []
