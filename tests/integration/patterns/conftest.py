"""One PostgreSQL, or servers of two vendors, for all tests of a module; the reference systems stay up between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.patterns.saga_system import (
    Databases,
    Saga,
    running_databases,
    running_saga,
)
from tests.integration.patterns.twophase_system import (
    Manager,
    TwoVendors,
    running_manager,
    two_vendors,
)


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with running_databases() as databases:
        yield databases


@pytest.fixture(scope="module")
def saga(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saga]:
    folder: Path = tmp_path_factory.mktemp("saga")
    with running_saga(databases, folder) as saga:
        yield saga


@pytest.fixture(scope="module")
def vendors() -> Iterator[TwoVendors]:
    with two_vendors() as vendors:
        yield vendors


@pytest.fixture(scope="module")
def manager(vendors: TwoVendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with running_manager(vendors, tmp_path_factory.mktemp("tm")) as manager:
        yield manager
    assert not manager.worker.is_alive()
