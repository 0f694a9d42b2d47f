"""How fast three PostgreSQL and a Toxiproxy are there, on both runtimes, and how long a first transaction takes.

dtx's time is from nothing to an environment in which workers can start: servers that answer, schemas applied, the
system's queries tried, a proxy for each link. Beside it:

- the limit: the same servers from the same cache, all at once and with nothing else, until each answered a first query.
- testcontainers, one container after another, from the image that has the binaries but no initialised cluster, as
  official images are; without its own reaper, which needs an image from a registry.

And `dtx run`: from its exec to its first transaction, beside the provisioning of the same repetition and a second.
"""

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import figures
import psycopg
import requests
from figures import Figure

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import DatabaseKind, Selection
from dtx.core.errors import DtxError
from dtx.core.history import Invoked
from dtx.core.run_folder import RunFolder
from dtx.targets.cache import UNPRIVILEGED_ID, cache_folder
from dtx.targets.docker.engine import connect
from dtx.targets.docker.images import POSTGRES, TOXIPROXY, resolve_image
from dtx.targets.docker.initialised import initialised_image
from dtx.targets.docker.postgres_image import RECIPE
from dtx.targets.local.postgres_binaries import find_postgres, initialised_cluster
from dtx.targets.loopback import free_port
from dtx.targets.postgres.setup import DATABASE, INITIALISE, USER
from dtx.targets.provision import RuntimeName, choose_runtime, provisioned
from dtx.targets.proxies.toxiproxy_binary import toxiproxy_binary
from dtx.targets.runtime import Address

SYSTEM = "saga"
"""Three databases, a dozen links."""

SERVERS = 3
REPETITIONS = 6
CONTAINERS_REPETITIONS = 2
GOAL = 1.3
FIRST_TRANSACTION_S = 1.0
GIVE_UP_S = 30
LABEL = "dtx.bench"


def until_answered(port: int, database: str = DATABASE) -> None:
    """Wait for a first query's answer."""
    give_up_at = time.monotonic() + GIVE_UP_S
    while True:
        try:
            with psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname=database) as one:
                one.execute("select 1")
                return
        except psycopg.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.005)


def until_proxied(port: int) -> None:
    """Wait for Toxiproxy's answer."""
    give_up_at = time.monotonic() + GIVE_UP_S
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/version", timeout=2)
            return
        except requests.RequestException:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.005)


def side_by_side(starts: Sequence[Callable[[], None]]) -> float:
    """Return how long all of them took at once."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(starts)) as pool:
        for future in [pool.submit(start) for start in starts]:
            future.result()
    return time.perf_counter() - began


@contextmanager
def processes(folder: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Hold what was started; end it."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield started
    finally:
        for process in started:
            process.kill() if "toxiproxy" in str(process.args) else process.send_signal(3)
        for process in started:
            process.wait()
        subprocess.run(["rm", "-rf", folder], check=True)


def quiet_process(command: list[str], folder: str, owner: int | None) -> subprocess.Popen[bytes]:
    """Start a server that writes nowhere, as `owner` if there is one."""
    return subprocess.Popen(
        command,
        cwd=folder,
        user=owner,
        group=owner,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def bare_local() -> float:
    """Copy the initialised cluster and start the servers, and nothing else."""
    cache = cache_folder()
    binaries = find_postgres(cache)
    source = initialised_cluster(binaries, cache) / "data"
    owner = UNPRIVILEGED_ID if os.geteuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="bench-")
    Path(folder).chmod(0o755)
    with processes(folder) as started:

        def postgres(number: int) -> None:
            data, port = f"{folder}/{number}", free_port()
            subprocess.run(["cp", "-a", "--reflink=auto", source, data], check=True)
            command = [str(binaries.folder / "postgres"), "-D", data, "-p", str(port)]
            started.append(quiet_process(command, folder, owner))
            until_answered(port)

        def toxiproxy() -> None:
            port = free_port()
            command = [str(toxiproxy_binary(cache)), "-host", "127.0.0.1", "-port", str(port)]
            started.append(quiet_process(command, folder, owner))
            until_proxied(port)

        return side_by_side(
            [toxiproxy, *(lambda number=n: postgres(number) for n in range(SERVERS))]
        )


def bare_docker() -> float:
    """Start the containers on the host's network from the initialised image, and nothing else."""
    engine = connect()
    api = engine.api
    cluster = initialised_image(engine, RECIPE, resolve_image(engine, POSTGRES), "bench")
    proxy = resolve_image(engine, TOXIPROXY)
    made: list[str] = []

    def run(image: str, command: Sequence[str], user: str | None = None) -> None:
        container = api.create_container(
            image, entrypoint=[command[0]], command=list(command[1:]), user=user,
            labels={LABEL: "1"}, host_config=api.create_host_config(network_mode="host"),
        )["Id"]  # fmt: skip
        made.append(container)
        api.start(container)

    def postgres() -> None:
        port = free_port()
        run(cluster.id, RECIPE.command(cluster, Address("127.0.0.1", port)), cluster.user)
        until_answered(port)

    def toxiproxy() -> None:
        port = free_port()
        run(proxy.id, [*proxy.entrypoint, "-host", "127.0.0.1", "-port", str(port)])
        until_proxied(port)

    try:
        return side_by_side([toxiproxy, *[postgres] * SERVERS])
    finally:
        with ThreadPoolExecutor(SERVERS + 1) as pool:
            list(pool.map(lambda one: api.remove_container(one, force=True, v=True), made))


def one_after_another() -> float:
    """Start the same servers with testcontainers, each when the one before it answers."""
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 (bench group)

    engine = connect()
    base = resolve_image(engine, POSTGRES)
    cluster = initialised_image(engine, RECIPE, base, "bench")
    script = f'{INITIALISE} echo "host all all all trust" > "$2/pg_hba.conf"; exec "$1/postgres" -D "$2" -h "*" -k ""'
    with ExitStack() as stack:
        began = time.perf_counter()
        for _ in range(SERVERS):
            server = DockerContainer(
                base.name, entrypoint=["/bin/sh", "-c", script, "sh"], user=cluster.user
            )
            server.with_command([cluster.folder, "/tmp/data"]).with_exposed_ports(5432)
            stack.enter_context(server)
            until_answered(int(server.get_exposed_port(5432)))
        proxy = DockerContainer(resolve_image(engine, TOXIPROXY).name).with_exposed_ports(8474)
        stack.enter_context(proxy.with_command(["-host", "0.0.0.0"]))
        until_proxied(int(proxy.get_exposed_port(8474)))
        return time.perf_counter() - began


def ours(runtime: RuntimeName) -> float:
    """Bring up the system's environment as `dtx run` does."""
    system = load_system(find_system(SYSTEM), Selection())
    began = time.perf_counter()
    with provisioned(system, runtime) as environment:
        environment.start(is_reset_later=False)
        return time.perf_counter() - began


def first_transaction(runtime: RuntimeName) -> float:
    """Return seconds from the exec of `dtx run` to its first transaction."""
    dtx = str(Path(sys.executable).parent / "dtx")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / uuid.uuid4().hex
        command = [dtx, "run", SYSTEM, "--fault", "none", "--duration", "0.5"]
        began_ns = time.monotonic_ns()
        done = subprocess.run(
            [*command, "--runtime", runtime.value, "--out", str(out)],
            capture_output=True,
            check=False,
        )
        entries = RunFolder(out / "latest").read_history()
    if done.returncode not in {0, 3}:
        raise RuntimeError(done.stderr.decode())
    return (next(e.at_ns for e in entries if isinstance(e, Invoked)) - began_ns) / 1e9


def on(runtime: RuntimeName) -> Iterator[Figure]:
    """Measure one runtime."""
    bare = bare_local if runtime is RuntimeName.LOCAL else bare_docker
    took, limit, first = figures.repeated(
        REPETITIONS, lambda: ours(runtime), bare, lambda: first_transaction(runtime)
    )
    provisioning = Figure(
        what=f"provisioning, {runtime.value}",
        values=took,
        unit="s",
        peer="bare parallel start",
        peer_values=limit,
        goal=f"{GOAL} x",
    )
    yield figures.judged(provisioning, provisioning.ratio <= GOAL)
    start = Figure(
        what=f"dtx run to first transaction, {runtime.value}",
        values=first,
        unit="s",
        peer="provisioning + 1 s",
        peer_values=[one + FIRST_TRANSACTION_S for one in took],
        goal="1 x",
    )
    yield figures.judged(start, start.ratio <= 1)
    if runtime is RuntimeName.DOCKER:
        if find_spec("testcontainers") is None:
            print("   not measured: testcontainers is not installed (`make bench` does it)")
            return
        again, containers = figures.repeated(
            CONTAINERS_REPETITIONS, lambda: ours(runtime), one_after_another
        )
        yield Figure(
            what="provisioning, docker",
            values=again,
            unit="s",
            peer="testcontainers",
            peer_values=containers,
        )


def measure() -> Iterator[Figure]:
    """Measure both runtimes; Docker only where there is an engine with the images."""
    yield from on(RuntimeName.LOCAL)
    try:
        choose_runtime(RuntimeName.DOCKER, [DatabaseKind.POSTGRES])
    except DtxError as error:
        print(f"   not measured: docker: {error.message}")
        return
    yield from on(RuntimeName.DOCKER)


if __name__ == "__main__":
    figures.main(measure, __doc__)
