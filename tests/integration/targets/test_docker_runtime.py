"""The docker runtime keeps the contract of runtimes, and leaves nothing behind."""

import io
import socket
import tarfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.core.exit_codes import ExitCode
from dtx.targets.docker import sweep as docker_sweep
from dtx.targets.docker.engine import Engine, connect
from dtx.targets.docker.images import POSTGRES, TOXIPROXY, require_images, resolve_image
from dtx.targets.docker.initialised import DATA
from dtx.targets.docker.runtime import DockerRuntime
from dtx.targets.postgres.target import PostgresTarget
from dtx.targets.runtime import RUN_LABEL, RunScope

from .docker_here import require_docker
from .local_here import KINDS
from .runtime_contract import RuntimeContract, accepts, query, toxiproxy_get, wait_for_queries

pytestmark = pytest.mark.docker


@pytest.fixture
def scope(tmp_path: Path) -> RunScope:
    require_docker()
    return RunScope(run_id=f"test-{uuid.uuid4().hex[:8]}", folder=tmp_path)


@pytest.fixture
def runtime(scope: RunScope) -> Iterator[DockerRuntime]:
    runtime = DockerRuntime(scope, KINDS)
    yield runtime
    runtime.close()


@pytest.fixture
def engine() -> Engine:
    require_docker()
    return connect()


def containers_of(engine: Engine, run_id: str) -> list[dict[str, Any]]:
    return list(engine.api.containers(all=True, filters={"label": f"{RUN_LABEL}={run_id}"}))


def listening_addresses() -> set[str]:
    """Return the local addresses of all listening TCP sockets, as the kernel writes them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            if state == "0A":
                found.add(local)
    return found


class TestDockerRuntime(RuntimeContract):
    @pytest.fixture
    def runtime(self, scope: RunScope) -> Iterator[DockerRuntime]:
        runtime = DockerRuntime(scope, KINDS)
        yield runtime
        runtime.close()


def test_close_leaves_no_container_or_volume(
    runtime: DockerRuntime, scope: RunScope, engine: Engine
) -> None:
    volumes = engine.api.volumes()["Volumes"] or []
    runtime.launch_postgres("a-db")
    runtime.launch_toxiproxy()
    assert len(containers_of(engine, scope.run_id)) == 2
    runtime.close()
    assert containers_of(engine, scope.run_id) == []
    assert len(engine.api.volumes()["Volumes"] or []) <= len(volumes)


def test_close_during_launches_leaves_nothing(
    runtime: DockerRuntime, scope: RunScope, engine: Engine
) -> None:
    runtime.versions()  # the initialised image is here
    with ThreadPoolExecutor(4) as pool:
        launches = [pool.submit(runtime.launch_postgres, f"{i}-db") for i in range(4)]
        seen = poll_until(
            lambda: bool(containers_of(engine, scope.run_id)), Deadline.after(20), every_s=0.01
        )
        runtime.close()
    assert seen
    errors = [launch.exception() for launch in launches]
    assert any(isinstance(error, ProvisionError) for error in errors)
    assert all(error is None or isinstance(error, ProvisionError) for error in errors)
    assert containers_of(engine, scope.run_id) == []


def test_container_made_while_the_environment_is_closed_does_not_stay(
    runtime: DockerRuntime, scope: RunScope, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = runtime._engine.api
    create = api.create_container

    def close_first(*args: Any, **kwargs: Any) -> Any:
        runtime.close()
        return create(*args, **kwargs)

    monkeypatch.setattr(api, "create_container", close_first)
    with pytest.raises(ProvisionError, match="closed meanwhile"):
        runtime.launch_toxiproxy()
    assert containers_of(engine, scope.run_id) == []


def test_containers_say_which_run_and_node_they_are(
    runtime: DockerRuntime, scope: RunScope, engine: Engine
) -> None:
    runtime.launch_postgres("a-db")
    (container,) = containers_of(engine, scope.run_id)
    assert container["Labels"][RUN_LABEL] == scope.run_id
    assert container["Labels"]["dtx.node"] == "a-db"


def test_killed_processes_are_gone_from_this_machine(
    runtime: DockerRuntime, scope: RunScope, engine: Engine
) -> None:
    server = runtime.launch_postgres("a-db")
    wait_for_queries(server)
    (container,) = containers_of(engine, scope.run_id)
    top = engine.api.top(container["Id"])
    pids = [row[top["Titles"].index("PID")] for row in top["Processes"]]
    server.kill()
    assert len(pids) >= 5
    assert not any(Path("/proc", pid).exists() for pid in pids)


def test_paused_processes_are_all_stopped_on_this_machine_and_none_once_resumed(
    runtime: DockerRuntime, scope: RunScope, engine: Engine
) -> None:
    server = runtime.launch_postgres("a-db")
    wait_for_queries(server)
    (container,) = containers_of(engine, scope.run_id)

    def states() -> list[str]:
        top = engine.api.top(container["Id"], ps_args="-eo pid,stat")
        pids = [row[top["Titles"].index("PID")] for row in top["Processes"]]
        stats = [Path("/proc", pid, "stat").read_text() for pid in pids]
        return [stat.rpartition(")")[2].split()[0] for stat in stats]

    processes = server.pause()
    assert states() == ["T"] * processes
    assert processes >= 5
    server.resume()
    assert "T" not in states()


def test_servers_listen_on_loopback_only(runtime: DockerRuntime) -> None:
    server = runtime.launch_postgres("a-db")
    wait_for_queries(server)
    toxiproxy = runtime.launch_toxiproxy()
    toxiproxy_get(toxiproxy, "/version")
    for port in (server.address.port, toxiproxy.address.port):
        assert {local for local in listening_addresses() if local.endswith(f":{port:04X}")} == {
            f"0100007F:{port:04X}"
        }


def test_start_on_a_port_that_somebody_took_says_so(runtime: DockerRuntime) -> None:
    target = PostgresTarget("a-db", runtime.launch_postgres("a-db"))
    target.wait_ready(30)
    target.server.kill()
    address = target.server.address
    with socket.create_server((address.host, address.port)):
        target.server.start()
        with pytest.raises(ProvisionError, match="Address already in use"):
            target.wait_ready(5)
    target.server.start()
    target.wait_ready(30)


def test_server_killed_while_it_wrote_its_lock_file_comes_back(
    runtime: DockerRuntime, scope: RunScope, engine: Engine
) -> None:
    server = runtime.launch_postgres("a-db")
    wait_for_queries(server)
    server.kill()
    (container,) = containers_of(engine, scope.run_id)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("postmaster.pid"))
    engine.api.put_archive(container["Id"], DATA, buffer.getvalue())
    server.start()
    wait_for_queries(server)


def test_sessions_of_one_server_do_not_reach_another(runtime: DockerRuntime) -> None:
    first, second = runtime.launch_postgres("a-db"), runtime.launch_postgres("b-db")
    wait_for_queries(first)
    wait_for_queries(second)
    query(first, "create table mine (id int)")
    assert query(second, "select count(*) from pg_tables where tablename = 'mine'") == [(0,)]


def test_toxiproxy_that_could_not_stay_up_tells_its_last_output(runtime: DockerRuntime) -> None:
    toxiproxy = runtime.launch_toxiproxy()
    toxiproxy_get(toxiproxy, "/version")
    toxiproxy.kill()
    death = toxiproxy.kill()
    assert "exit status 137" in death.detail


def test_sweep_removes_what_a_dead_harness_left(
    runtime: DockerRuntime, scope: RunScope, engine: Engine
) -> None:
    server = runtime.launch_postgres("a-db")
    assert scope.run_id in docker_sweep.runs_left(engine.socket)
    assert docker_sweep.sweep(scope.run_id, engine.socket) == 1
    assert not accepts(server)
    assert scope.run_id not in docker_sweep.runs_left(engine.socket)
    assert containers_of(engine, scope.run_id) == []
    assert not server.is_alive()


def test_image_of_the_environment_is_used(
    scope: RunScope, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for product in (POSTGRES, TOXIPROXY):
        image = resolve_image(engine, product)
        engine.api.tag(image.id, "dtx-test-chosen", product.name)
        monkeypatch.setenv(product.variable, f"dtx-test-chosen:{product.name}")
    runtime = DockerRuntime(scope, KINDS)
    try:
        assert runtime.versions()["postgres image"].startswith("dtx-test-chosen:postgres")
        wait_for_queries(runtime.launch_postgres("a-db"))
        assert toxiproxy_get(runtime.launch_toxiproxy(), "/version").ok
    finally:
        runtime.close()
        for product in (POSTGRES, TOXIPROXY):
            engine.api.remove_image(f"dtx-test-chosen:{product.name}")


def test_image_without_postgres_is_refused_by_name(
    scope: RunScope, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES.variable, resolve_image(engine, TOXIPROXY).name)
    runtime = DockerRuntime(scope, KINDS)
    try:
        with pytest.raises(ProvisionError, match="no PostgreSQL server found in the image"):
            runtime.launch_postgres("a-db")
        assert containers_of(engine, scope.run_id) == []
    finally:
        runtime.close()


def test_image_without_toxiproxy_is_refused_by_name(
    scope: RunScope, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOXIPROXY.variable, resolve_image(engine, POSTGRES).name)
    runtime = DockerRuntime(scope, KINDS)
    try:
        with pytest.raises(ProvisionError, match="has no toxiproxy server"):
            runtime.launch_toxiproxy()
        assert containers_of(engine, scope.run_id) == []
    finally:
        runtime.close()


def test_image_that_is_nowhere_says_which_variable_named_it(
    scope: RunScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES.variable, "localhost:1/nowhere/postgres:17")
    with pytest.raises(ProvisionError, match="localhost:1/nowhere/postgres:17"):
        require_images([POSTGRES])
    runtime = DockerRuntime(scope, KINDS)
    try:
        with pytest.raises(ProvisionError) as raised:
            runtime.launch_postgres("a-db")
        assert POSTGRES.variable in raised.value.hint
    finally:
        runtime.close()


def test_close_without_an_engine_does_not_raise(
    runtime: DockerRuntime, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(run_id: str, socket_path: str) -> int:
        raise ConnectionRefusedError(socket_path)

    with monkeypatch.context() as patch:
        patch.setattr("dtx.targets.docker.sweep.sweep", gone)
        runtime.close()
    assert "can't remove the containers" in caplog.text


def test_absent_engine_is_an_environment_error_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    with pytest.raises(ProvisionError, match=r"/nonexistent\.sock") as raised:
        DockerRuntime(RunScope(run_id="none", folder=tmp_path), KINDS)
    assert raised.value.exit_code is ExitCode.ENVIRONMENT
    assert "--runtime local" in raised.value.hint
