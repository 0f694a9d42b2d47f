"""A worker's program as a real process: readiness, environment, end."""

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from dtx.core.deadline import Deadline
from dtx.core.errors import ConfigError, ProvisionError
from dtx.targets import process_tree
from dtx.targets.workers import process as worker_process
from dtx.targets.workers.process import WorkerProcess

from .local_here import eventually
from .worker_bench import Bench

SERVER = """
    import http.server, json, os, signal, socketserver, subprocess, sys

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status = 200 if self.path in ("/healthz", "/environ") else 503
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(dict(os.environ)).encode())
        def log_message(self, *args):
            pass

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
    print("serving", flush=True)
    server.serve_forever()
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def get(worker: WorkerProcess, path: str) -> Any:
    assert worker.address is not None
    connection = http.client.HTTPConnection(worker.address.host, worker.address.port, timeout=5)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return json.loads(body)


def soon() -> Deadline:
    return Deadline.after(20)


@contextmanager
def somebody_else(port: int) -> Iterator[None]:
    """Let a server that is not the worker answer 200 to everything."""

    class Yes(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", port), Yes) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class TestReadiness:
    def test_worker_is_ready_when_its_path_answers_200(self, bench: Bench) -> None:
        worker = bench.worker(SERVER)
        worker.start()
        worker.wait_ready(soon())
        assert worker.is_alive()
        assert get(worker, "/environ")

    def test_port_that_was_taken_since_it_was_chosen_is_no_worker_that_is_ready(
        self, bench: Bench
    ) -> None:
        worker = bench.worker(SERVER)
        assert worker.address is not None
        with (
            socket.create_server((worker.address.host, worker.address.port)),
            pytest.raises(ProvisionError, match=f"has taken its port {worker.address.port}"),
        ):
            worker.start()
        assert not worker.is_alive()
        worker.start()
        worker.wait_ready(soon())

    def test_worker_that_ended_is_not_ready_though_somebody_answers_on_its_port(
        self, bench: Bench
    ) -> None:
        ended = bench.started("raise SystemExit(3)", has_http=True)
        assert ended.address is not None
        assert eventually(lambda: not ended.is_alive())
        with somebody_else(ended.address.port), pytest.raises(ProvisionError, match="status 3"):
            ended.wait_ready(soon())

    def test_worker_without_http_is_ready_when_it_runs(self, bench: Bench) -> None:
        worker = bench.started("import time; time.sleep(60)")
        worker.wait_ready(soon())
        assert worker.is_alive()
        assert worker.exit_detail() == ""

    @pytest.mark.parametrize("has_http", [True, False])
    def test_worker_that_ends_at_once_is_an_error_with_status_and_last_output(
        self, bench: Bench, has_http: bool
    ) -> None:
        program = "import os; os.write(1, b'first\\nno database'); os._exit(3)"
        worker = bench.started(program, has_http=has_http)
        if not has_http:  # running is all that is asked of it
            assert eventually(lambda: not worker.is_alive())
        with pytest.raises(ProvisionError) as caught:
            worker.wait_ready(soon())
        assert caught.value.message == (
            "worker orders ended with exit status 3; its last output:\nfirst\nno database"
        )
        assert "[workers.orders]" in caught.value.hint

    def test_worker_that_ends_at_once_is_told_what_the_system_says_to_do_first(
        self, bench: Bench
    ) -> None:
        worker = bench.worker("raise SystemExit(1)", setup="npm ci")
        worker.start()
        with pytest.raises(ProvisionError) as caught:
            worker.wait_ready(soon())
        assert f"was `npm ci` done in {bench.folder}?" in caught.value.hint

    def test_what_says_why_is_among_the_last_words_however_much_was_written_after_it(
        self, bench: Bench
    ) -> None:
        worker = bench.started("print('Error: no database'); [print('frame') for _ in range(20)]")
        assert eventually(lambda: not worker.is_alive() and len(bench.lines()) == 21)
        lines = worker.exit_detail().splitlines()
        assert lines[1] == "Error: no database"
        assert lines[2:] == ["frame"] * worker_process.LAST_WORDS

    def test_worker_that_ends_silently_says_so(self, bench: Bench) -> None:
        worker = bench.started("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        assert eventually(lambda: not worker.is_alive())
        with pytest.raises(ProvisionError, match="ended with signal SIGSEGV; it wrote nothing"):
            worker.wait_ready(soon())

    def test_worker_whose_child_holds_its_output_open_is_reported_in_time(
        self, bench: Bench
    ) -> None:
        program = "import os, subprocess; subprocess.Popen(['sleep', '60']); os._exit(3)"
        worker = bench.started(program)
        assert eventually(lambda: not worker.is_alive())
        began = time.monotonic()
        with pytest.raises(ProvisionError, match="exit status 3"):
            worker.wait_ready(soon())
        assert time.monotonic() - began < 3

    def test_worker_that_answers_another_status_is_an_error_that_says_which(
        self, bench: Bench
    ) -> None:
        worker = bench.worker(SERVER, ready="/never")
        worker.start()
        assert eventually(lambda: "serving" in bench.lines())
        with pytest.raises(ProvisionError) as caught:
            worker.wait_ready(Deadline.after(0.5))
        assert "was not ready in time: GET /never said 503" in caught.value.message
        assert "its last output:\nserving" in caught.value.message
        assert "ready_within_s" in caught.value.hint

    def test_worker_that_does_not_listen_is_an_error_that_says_so(self, bench: Bench) -> None:
        worker = bench.started("import time; time.sleep(60)", has_http=True)
        with pytest.raises(ProvisionError, match="GET /healthz said ConnectionRefusedError"):
            worker.wait_ready(Deadline.after(0.1))

    @pytest.mark.parametrize("mode", [None, 0o644], ids=["absent", "not executable"])
    def test_command_that_cant_be_executed_is_a_configuration_error(
        self, bench: Bench, mode: int | None
    ) -> None:
        command = bench.folder / "no-such-program"
        if mode is not None:
            command.write_text("#!/bin/sh\n")
            command.chmod(mode)
        worker = bench.worker("", command=(str(command),), setup="make")
        with pytest.raises(ConfigError, match=r"worker orders: can't start .*no-such-program") as e:
            worker.start()
        assert "was `make` done in" in e.value.hint
        assert not worker.is_alive()
        assert worker.kill().processes == 0


class TestEnvironment:
    def test_it_has_what_dtx_gives_and_what_the_file_says(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INHERITED", "yes")
        worker = bench.worker(SERVER, env={"OWN_PORT": "{PORT}", "STYLE": "plain"})
        worker.start()
        worker.wait_ready(soon())
        found = get(worker, "/environ")
        assert worker.address is not None
        assert found["PORT"] == found["OWN_PORT"] == str(worker.address.port)
        assert found["DTX_CRASH_FILE"] == str(worker.crash_file)
        assert found["DTX_RUN"] == bench.scope.run_id
        assert found["STYLE"] == "plain"
        assert found["INHERITED"] == "yes"

    def test_worker_without_http_has_no_port_and_works_in_the_systems_folder(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PORT", raising=False)
        bench.started("import os; print(os.environ.get('PORT'), os.getcwd())")
        assert eventually(lambda: bench.lines() == [f"None {bench.folder}"]), bench.lines()

    def test_references_to_others_are_resolved(self, bench: Bench) -> None:
        program = "import os; print(os.environ['THEIRS'])"
        worker = bench.worker(program, has_http=False, env={"THEIRS": "at {workers.bills.url}"})
        worker.start()
        assert eventually(lambda: bench.lines() == ["at resolved bills"]), bench.lines()


class TestEnd:
    def test_kill_takes_children_in_other_sessions_and_counts_them(self, bench: Bench) -> None:
        program = """
            import os, subprocess, time
            subprocess.Popen(["sleep", "60"])
            subprocess.Popen(["setsid", "sleep", "60"])
            print("ready", flush=True)
            time.sleep(60)
        """
        worker = bench.started(program)
        assert eventually(lambda: len(mine(bench)) == 3)
        assert worker.kill().processes == 3
        assert mine(bench) == set()
        assert not worker.is_alive()
        assert "ended with signal SIGKILL" in worker.exit_detail()

    def test_all_that_it_said_is_read_before_it_counts_as_killed(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = bench.logs._read

        def lagging(*words: Any) -> None:
            time.sleep(0.1)
            read(*words)

        monkeypatch.setattr(bench.logs, "_read", lagging)
        worker = bench.started("while True: print('word ' * 40, flush=True)")
        assert eventually(lambda: len(bench.lines()) > 100)
        worker.kill()
        dead_ns = time.monotonic_ns()
        time.sleep(0.3)
        stamps = [at_ns for at_ns, _ in bench.run_folder.log_lines("orders")]
        assert max(stamps) <= dead_ns

    def test_kill_takes_orphans_of_a_worker_that_ended_by_itself(self, bench: Bench) -> None:
        worker = bench.started("import subprocess; subprocess.Popen(['setsid', 'sleep', '60'])")
        assert eventually(lambda: not worker.is_alive())
        assert worker.kill().processes == 1
        assert mine(bench) == set()

    def test_kill_of_a_dead_worker_spares_a_process_that_has_its_pid_now(
        self, bench: Bench
    ) -> None:
        worker = bench.started("pass")
        assert eventually(lambda: not worker.is_alive())
        assert worker._process is not None
        with subprocess.Popen(["sleep", "30"]) as stranger:
            worker._process.pid = stranger.pid
            assert worker.kill().processes == 0
            assert stranger.poll() is None
            stranger.kill()

    def test_stop_asks_first(self, bench: Bench) -> None:
        program = """
            import signal
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            print("ready", flush=True)
            signal.sigwait([signal.SIGTERM])  # a handler would miss one that comes just before a sleep
            print("goodbye", flush=True)
        """
        worker = bench.started(program)
        assert eventually(lambda: bench.lines() == ["ready"])
        worker.stop()
        assert eventually(lambda: bench.lines() == ["ready", "goodbye"])
        assert "exit status 0" in worker.exit_detail()

    def test_stop_kills_a_worker_that_does_not_listen(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker_process, "STOP_WITHIN_S", 0.1)
        program = """
            import signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("ready", flush=True)
            time.sleep(60)
        """
        worker = bench.started(program)
        assert eventually(lambda: bench.lines() == ["ready"])
        worker.stop()
        assert "SIGKILL" in worker.exit_detail()

    def test_worker_that_was_never_started_can_be_ended(self, bench: Bench) -> None:
        worker = bench.worker("")
        assert worker.kill().processes == 0
        worker.stop()
        assert worker.exit_detail() == ""

    def test_restarted_worker_has_its_port_and_crash_file(self, bench: Bench) -> None:
        worker = bench.worker(SERVER)
        worker.start()
        worker.wait_ready(soon())
        before = get(worker, "/environ")
        worker.kill()
        assert worker.address is not None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((worker.address.host, worker.address.port), timeout=1)
        worker.start()
        worker.wait_ready(soon())
        after = get(worker, "/environ")
        assert before["PORT"] == after["PORT"]
        assert before["DTX_CRASH_FILE"] == after["DTX_CRASH_FILE"]


def mine(bench: Bench) -> set[int]:
    return process_tree.marked("DTX_RUN", bench.scope.run_id)
