"""Both runtimes as parameters of a fixture: what inherits it runs on each, and is skipped where one can't be used."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dtx.config.model import DatabaseKind
from dtx.targets.provision import RuntimeName
from dtx.targets.runtime import RunScope, Runtime

from .local_here import local_runtime, open_folder

RUNTIMES = [
    pytest.param(RuntimeName.LOCAL, marks=pytest.mark.local, id="local"),
    pytest.param(RuntimeName.DOCKER, marks=pytest.mark.docker, id="docker"),
]


@contextmanager
def open_runtime(name: RuntimeName) -> Iterator[Runtime]:
    """Give a runtime that is closed at the end."""
    if name is RuntimeName.LOCAL:
        with local_runtime() as local:
            yield local
        return
    from dtx.targets.docker.runtime import DockerRuntime

    with open_folder() as folder:
        scope = RunScope(run_id=f"test-{uuid.uuid4().hex[:8]}", folder=folder)
        docker = DockerRuntime(scope, [DatabaseKind.POSTGRES])
        try:
            yield docker
        finally:
            docker.close()


def runtime_of(request: pytest.FixtureRequest) -> RuntimeName:
    """Return the parameter of a fixture over RUNTIMES."""
    parameter: Any = request.param
    return RuntimeName(parameter)
