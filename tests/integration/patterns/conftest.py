"""One PostgreSQL for all tests of a module; the reference system stays up between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.patterns.saga_system import (
    Databases,
    Saga,
    running_databases,
    running_saga,
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
