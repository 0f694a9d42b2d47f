"""The local runtime keeps the contract of runtimes, and leaves nothing on the machine."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dtx.targets import process_tree
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.postgres.setup import USER
from dtx.targets.runtime import RUN_VARIABLE

from .local_here import local_runtime
from .runtime_contract import RuntimeContract, accepts, wait_for_queries

pytestmark = pytest.mark.local


@pytest.fixture
def runtime() -> Iterator[LocalRuntime]:
    with local_runtime() as runtime:
        yield runtime


class TestLocalRuntime(RuntimeContract):
    @pytest.fixture
    def runtime(self) -> Iterator[LocalRuntime]:
        with local_runtime() as runtime:
            yield runtime


def shared_memory() -> set[str]:
    """Segments that outlive their processes: POSIX by name, System V by id."""
    posix = {path.name for path in Path("/dev/shm").glob("PostgreSQL.*")}
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return posix | {f"sysv {line.split()[1]}" for line in lines}


def segments_of(runtime: LocalRuntime, name: str) -> set[str]:
    """Segments that the running server of this name would leave: those that its processes have mapped."""
    found = set()
    for pid in process_tree.working_below(runtime._scope.folder / name):
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            *_, inode, path = [*line.split(maxsplit=5), ""][:6]
            if path.startswith("/dev/shm/PostgreSQL."):
                found.add(path.removeprefix("/dev/shm/").split()[0])
            elif path.startswith("/SYSV"):
                found.add(f"sysv {inode}")
    return found


def test_every_process_is_found_by_the_mark_of_the_run_or_its_folder(runtime: LocalRuntime) -> None:
    server = runtime.launch_postgres("a-db")
    runtime.launch_toxiproxy()
    wait_for_queries(server)
    run_id = runtime._scope.run_id
    with psycopg.connect(
        host="127.0.0.1", port=server.address.port, user=USER, dbname="postgres"
    ) as session:
        # A backend writes its title over its environment: only its place tells.
        assert session.info.backend_pid in process_tree.working_below(runtime._scope.folder)
    marked = process_tree.marked(RUN_VARIABLE, run_id)
    assert all(server._process and server._process.pid in marked for server in runtime._servers)


@pytest.mark.parametrize("is_killed_before", [False, True], ids=["running", "killed before"])
def test_close_leaves_no_process_and_no_shared_memory(
    runtime: LocalRuntime, is_killed_before: bool
) -> None:
    server = runtime.launch_postgres("a-db")
    wait_for_queries(server)
    segments = segments_of(runtime, "a-db")
    assert segments, "a PostgreSQL server holds at least its interlock segment"
    if is_killed_before:
        server.kill()
    runtime.close()
    assert process_tree.working_below(runtime._scope.folder) == set()
    assert not segments & shared_memory()


def test_kill_of_a_dead_server_spares_a_process_that_has_its_pid_now(
    runtime: LocalRuntime,
) -> None:
    server = runtime.launch_toxiproxy()
    server.kill()
    assert server._process is not None
    with subprocess.Popen(["sleep", "30"]) as stranger:
        # As after the pids have gone round.
        server._process.pid = stranger.pid
        assert server.kill().processes == 0
        assert stranger.poll() is None
        stranger.kill()


def test_ports_can_be_taken_again_after_close(runtime: LocalRuntime) -> None:
    first = runtime.launch_toxiproxy()
    runtime.close()
    assert not accepts(first)


def test_server_killed_before_it_wrote_its_lock_file_comes_back(runtime: LocalRuntime) -> None:
    server = runtime.launch_postgres("a-db")
    wait_for_queries(server)
    server.kill()
    (runtime._scope.folder / "a-db" / "data" / "postmaster.pid").write_bytes(b"")
    server.start()
    wait_for_queries(server)
