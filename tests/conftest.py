"""What all tests share: real parts that are missing are skipped with their reason, and fail in CI."""

import functools
import os

import pytest

from dtx.core.errors import DtxError


@functools.cache
def docker_problem() -> str:
    """Return why the docker runtime can't be tested here, or nothing."""
    from dtx.targets.docker import images as docker_images

    try:
        docker_images.require_images()
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


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, problem in (("docker", docker_problem), ("local", local_problem)):
        if item.get_closest_marker(marker) and (reason := problem()):
            if os.environ.get("CI") == "true":
                pytest.fail(f"the {marker} runtime must be tested in CI: {reason}", pytrace=False)
            pytest.skip(f"no {marker} runtime here: {reason}")
