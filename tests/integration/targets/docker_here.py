"""Decides whether Docker tests run: skipped with the reason on a laptop, a failure in CI."""

import os

import pytest

from dtx.targets.docker_runtime import why_unavailable


def require_docker() -> None:
    """Skip the test if the docker runtime can't be used here; fail instead where CI is set."""
    reason = why_unavailable()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"Docker tests must run in CI: {reason}")
    pytest.skip(reason)
