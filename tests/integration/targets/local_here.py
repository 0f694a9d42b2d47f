"""Servers of the local runtime for tests, in a folder that its unprivileged servers can enter."""

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dtx.config.model import DatabaseKind
from dtx.core.deadline import Deadline, poll_until
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.proxies.toxiproxy import ToxiproxyClient, ToxiproxyError
from dtx.targets.runtime import RunScope, ServerProcess

KINDS = tuple(DatabaseKind)
"""Tests may launch any."""


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder outside pytest's own, which nobody but its owner can enter."""
    folder = Path(tempfile.mkdtemp(prefix="dtx-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def local_runtime() -> Iterator[LocalRuntime]:
    """Give a runtime that is closed, and whose folder is removed, at the end."""
    with open_folder() as folder:
        runtime = LocalRuntime(
            RunScope(run_id=f"test-{uuid.uuid4().hex[:8]}", folder=folder), KINDS
        )
        try:
            yield runtime
        finally:
            runtime.close()


def ready_client(server: ServerProcess) -> ToxiproxyClient:
    """Return the client of a Toxiproxy server once that answers."""
    client = ToxiproxyClient(server.address)

    def answers() -> bool:
        try:
            return bool(client.version())
        except ToxiproxyError:
            return False

    assert poll_until(answers, Deadline.after(15)), server.last_output()
    return client


def open_files() -> set[str]:
    """Return this process's file descriptors."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def eventually(condition: Callable[[], object], *, within_s: float = 5.0) -> bool:
    """Whether the callable becomes true in time; short, because tests say it often."""
    return poll_until(lambda: bool(condition()), Deadline.after(within_s), every_s=0.01)
