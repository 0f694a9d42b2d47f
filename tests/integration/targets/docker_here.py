"""Decides whether Docker tests run: skipped with the reason on a laptop, a failure in CI."""

import os

import pytest

from dtx.core.errors import ProvisionError
from dtx.targets.docker.images import PRODUCTS, require_images


def require_docker() -> None:
    """Skip the test if the docker runtime can't be used here; fail instead where CI is set."""
    try:
        require_images(PRODUCTS)
    except ProvisionError as error:
        if os.environ.get("CI"):
            pytest.fail(f"Docker tests must run in CI: {error.message}")
        pytest.skip(error.message)
