"""What all tests share: real parts that are missing are skipped with their reason, and fail in CI."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.core.errors import DtxError

OLDEST_NODE = 20


@functools.cache
def docker_problem() -> str:
    """Return why the docker runtime can't be tested here, or nothing."""
    from dtx.targets.docker import images as docker_images

    try:
        docker_images.require_images(docker_images.PRODUCTS)
    except DtxError as error:
        return error.message
    return ""


@functools.cache
def local_problem() -> str:
    """Return why the local runtime can't be tested here, or nothing."""
    from dtx.targets.cache import cache_folder
    from dtx.targets.local.postgres_binaries import find_postgres
    from dtx.targets.proxies.toxiproxy_binary import toxiproxy_binary

    try:
        find_postgres(cache_folder())
        toxiproxy_binary(cache_folder())
    except DtxError as error:
        return error.message
    return ""


@functools.cache
def node_problem() -> str:
    """Return why programs in Node can't be tested here, or nothing."""
    absent = [program for program in ("node", "npm") if shutil.which(program) is None]
    if absent:
        return f"{' and '.join(absent)} not on PATH"
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = told.stdout.strip().removeprefix("v").split(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        return f"node says {told.stdout.strip() or told.stderr.strip()!r}, {OLDEST_NODE} is needed"
    return ""


@functools.cache
def mariadb_problem() -> str:
    """Return why MariaDB can't be tested here without Docker, or nothing."""
    from dtx.targets.local.mariadb_binaries import find_mariadb

    try:
        find_mariadb()
    except DtxError as error:
        return error.message
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    needs = {
        "docker": docker_problem,
        "local": local_problem,
        "node": node_problem,
        "mariadb": mariadb_problem,
    }
    for marker, problem in needs.items():
        if item.get_closest_marker(marker) and (reason := problem()):
            if os.environ.get("CI") == "true":
                pytest.fail(f"what needs {marker} must be tested in CI: {reason}", pytrace=False)
            pytest.skip(f"no {marker} here: {reason}")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of its own, with a temporary folder in it, that servers of another user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "tmp").mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
