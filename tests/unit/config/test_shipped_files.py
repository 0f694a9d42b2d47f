"""The files that dtx ships: built-in systems load with every overlay, and so does the draft that claims it."""

import tomllib
from pathlib import Path

import pytest

from dtx.config.find import builtin_systems, find_system
from dtx.config.loader import BASE, declared, load_system
from dtx.config.model import Selection, System
from dtx.config.selection import resolve
from dtx.config.system import parse_system
from dtx.core.errors import ConfigError

DRAFTS = Path(__file__).parents[3] / "docs" / "adr" / "drafts"


def load_draft(name: str, selection: Selection = BASE) -> System:
    tables = tomllib.loads((DRAFTS / name).read_text(encoding="utf-8"))
    resolved = resolve(tables, selection, source=name)
    return parse_system(resolved, name="draft", folder=DRAFTS, source=name)


def selections(name: str) -> list[Selection]:
    offers = declared(find_system(name)).offers
    chosen = [BASE]
    chosen += [Selection(workload=workload) for workload in offers.workloads]
    chosen += [Selection(variant=variant) for variant in offers.variants]
    for option in offers.options.values():
        chosen += [Selection(options={option.name: value}) for value in option.values]
    return chosen


@pytest.mark.parametrize("name", builtin_systems())
def test_built_in_system_loads_with_every_overlay(name: str) -> None:
    for selection in selections(name):
        system = load_system(find_system(name), selection)
        assert any(link.source == "client" for link in system.links)
        assert system.contract.converges_within_s is not None


@pytest.mark.parametrize(
    "selection",
    [BASE, Selection(workload="poor"), Selection(variant="not-idempotent")],
)
def test_draft_of_the_saga_loads(selection: Selection) -> None:
    assert len(load_draft("saga.toml", selection).links) == 6


@pytest.mark.parametrize("name", ["2pc.toml", "outbox.toml", "saga-choreography.toml", "cqrs.toml"])
def test_draft_that_needs_more_shapes_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        load_draft(name)
