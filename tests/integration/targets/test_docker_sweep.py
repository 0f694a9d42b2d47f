"""What the reaper removes from a real engine, with the standard library alone."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.targets.docker import sweep as docker_sweep
from dtx.targets.docker.engine import Engine, connect
from dtx.targets.docker.images import TOXIPROXY, resolve_image
from dtx.targets.runtime import RUN_LABEL

from .docker_here import require_docker

pytestmark = pytest.mark.docker


@pytest.fixture
def engine() -> Engine:
    require_docker()
    return connect()


@pytest.fixture
def run_id(engine: Engine) -> Iterator[str]:
    run_id = f"test-{uuid.uuid4().hex[:8]}"
    yield run_id
    docker_sweep.sweep(run_id, engine.socket)


def launch(engine: Engine, run_id: str, *, is_started: bool = True, volume: str = "/kept") -> str:
    container: str = engine.api.create_container(
        resolve_image(engine, TOXIPROXY).id,
        command=["-host", "127.0.0.1", "-port", "0"],
        labels={RUN_LABEL: run_id},
        volumes=[volume],
    )["Id"]
    if is_started:
        engine.api.start(container)
    return container


def exists(engine: Engine, container: str) -> bool:
    return container in {c["Id"] for c in engine.api.containers(all=True)}


def test_label_is_the_runtimes() -> None:
    assert docker_sweep.LABEL == RUN_LABEL


def test_running_and_created_containers_and_the_network_go(engine: Engine, run_id: str) -> None:
    running = launch(engine, run_id)
    created = launch(engine, run_id, is_started=False)
    network = engine.api.create_network(f"dtx-{run_id}", labels={RUN_LABEL: run_id})["Id"]
    engine.api.connect_container_to_network(running, network)
    assert docker_sweep.sweep(run_id, engine.socket) == 3
    assert not exists(engine, running)
    assert not exists(engine, created)
    assert network not in {n["Id"] for n in engine.api.networks()}


def test_volumes_of_the_containers_go(engine: Engine, run_id: str) -> None:
    container = launch(engine, run_id)
    (mount,) = engine.api.inspect_container(container)["Mounts"]
    docker_sweep.sweep(run_id, engine.socket)
    assert mount["Name"] not in {v["Name"] for v in engine.api.volumes()["Volumes"] or []}


def test_paused_container_goes(engine: Engine, run_id: str) -> None:
    container = launch(engine, run_id)
    engine.api.pause(container)
    assert docker_sweep.sweep(run_id, engine.socket) == 1
    assert not exists(engine, container)


def test_other_runs_stay(engine: Engine, run_id: str) -> None:
    other = f"{run_id}-other"
    container = launch(engine, other, is_started=False)
    try:
        assert docker_sweep.sweep(run_id, engine.socket) == 0
        assert exists(engine, container)
        assert other in docker_sweep.runs_left(engine.socket)
    finally:
        assert docker_sweep.sweep(other, engine.socket) == 1
    assert other not in docker_sweep.runs_left(engine.socket)


def test_second_pass_finds_nothing(engine: Engine, run_id: str) -> None:
    launch(engine, run_id)
    assert docker_sweep.sweep(run_id, engine.socket) == 1
    assert docker_sweep.sweep(run_id, engine.socket) == 0


def test_two_sweeps_at_once_do_not_disturb_each_other(engine: Engine, run_id: str) -> None:
    containers = [launch(engine, run_id) for _ in range(3)]
    code = f"import sweep as s; print(s.sweep({run_id!r}, {engine.socket!r}))"
    folder = Path(docker_sweep.__file__).parent
    racing = [
        subprocess.Popen([sys.executable, "-c", code], cwd=folder, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in racing:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert not any(exists(engine, container) for container in containers)


def test_it_runs_isolated_without_dtx_and_third_parties(engine: Engine, run_id: str) -> None:
    container = launch(engine, run_id)
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('docker_sweep', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "assert not {'dtx', 'docker', 'requests'} & set(sys.modules)\n"
        "print(module.sweep(*sys.argv[2:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, docker_sweep.__file__, run_id, engine.socket],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "1"
    assert not exists(engine, container)


def test_absent_engine_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        docker_sweep.sweep("none", str(tmp_path / "no.sock"))
