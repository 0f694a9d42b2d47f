"""One worker: a program of the system as an operating-system process that can be killed and started again."""

import contextlib
import errno
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from dtx.config.model import Reference, Worker
from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ConfigError, ProvisionError
from dtx.core.last_words import telling_line
from dtx.core.ports import CleanStop, Death
from dtx.targets import process_tree
from dtx.targets.loopback import is_listening
from dtx.targets.runtime import RUN_VARIABLE, Address, RunScope
from dtx.targets.workers.logs import LAST_LINES, LogCollector
from dtx.targets.workers.sync_watch import LOG_VARIABLE

NODE_VARIABLE = "DTX_NODE"
CRASH_VARIABLE = "DTX_CRASH_FILE"
DATA_VARIABLE = "DTX_DATA_DIR"
STOP_WITHIN_S = 1.5
LAST_WORDS_WITHIN_S = 0.5
LAST_WORDS = 6
"""Lines of the output of a worker that died in a run, besides the one that says why."""


class WorkerProcess:
    """A worker with its port, environment and crash file, which stay the same across restarts."""

    def __init__(
        self, *, worker: Worker, folder: Path, scope: RunScope, port: int | None,
        crash_file: Path, resolve: Callable[[Reference], str], logs: LogCollector, setup: str = "",
    ) -> None:  # fmt: skip
        """Prepare a worker.

        Args:
            worker: what the file says of it.
            folder: the system's, in which it runs.
            scope: what marks its processes; its data folder is below the scope's folder.
            port: on which it listens, if it does.
            crash_file: in which its crash points are armed.
            resolve: references to others.
            logs: takes what it writes.
            setup: what the system says is to be done once before it can run.
        """
        self.worker = worker
        self.address = Address("127.0.0.1", port) if port is not None else None
        self.crash_file = crash_file
        self.data = scope.folder / "data" / worker.name
        self.sync_log = scope.folder / "data" / f".{worker.name}.syncs"
        self.sync_library: Path | None = None
        self._folder = folder
        self._mark = f"{scope.run_id}:{worker.name}"
        self._scope = scope
        self._resolve_other = resolve
        self._logs = logs
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; `wait_ready` tells when it serves.

        Raises:
            ConfigError: the command can't be executed.
            ProvisionError: its port was taken meanwhile; whoever answers there would be taken for it.
        """
        if self.address and is_listening(self.address.port):
            raise ProvisionError(
                f"worker {self.worker.name}: another program has taken its port {self.address.port}"
                " since it was chosen",
                hint="run it again: ports are chosen anew",
            )
        command = [part.render(self._resolve) for part in self.worker.command]
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(
                f"worker {self.worker.name}: can't start {command[0]!r}: {self._why(command[0], error)}",
                hint=self._first_things_to_look_at("`command`"),
            ) from error
        self._process = process
        if process.stdout is not None:
            self._logs.follow(self.worker.name, os.dup(process.stdout.fileno()))
            process.stdout.close()

    def watch_syncs(self, library: Path | None) -> None:
        """Preload the library that notes syncs from the next start on; None preloads nothing."""
        self.sync_library = library

    def forget(self) -> None:
        """Remove the data of a dead worker, so that its next start is its first."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.sync_log.unlink(missing_ok=True)
        self.sync_library = None

    def wait_ready(self, deadline: Deadline) -> None:
        """Wait until `ready` answers 200; workers without HTTP are ready when they run.

        Raises:
            ProvisionError: it ended, or did not answer in time; with its last output.
        """
        last = "no answer"
        while self.address and self.worker.ready:
            last = _ask(self.address, self.worker.ready) or last
            self._refuse_dead()  # even if somebody answered 200
            if last == "200":
                return
            if deadline.is_over:
                raise self._not_ready(self.address, last)
            time.sleep(0.02)
        self._refuse_dead()

    def kill(self) -> Death:
        """SIGKILL the whole tree, until none of it is left, nor anything of what it said unread."""
        if self._process is None:
            return Death(processes=0)
        killed = process_tree.kill_all(self.members)
        self._process.wait(timeout=5)
        self._await_last_words()
        return Death(processes=killed)

    def stop(self, within_s: float = STOP_WITHIN_S) -> CleanStop:
        """End it as an operator would (SIGTERM), then whatever is left by SIGKILL."""
        if self._process is None:
            return CleanStop(processes=0, killed=0)
        processes = len(self.members())
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=within_s)
        return CleanStop(processes=processes, killed=self.kill().processes)

    def pause(self) -> int:
        """SIGSTOP the whole tree, as `kill` finds it."""
        return process_tree.stop_all(self.members)

    def resume(self) -> None:
        """SIGCONT the whole tree."""
        process_tree.continue_all(self.members)

    def is_alive(self) -> bool:
        """Whether the program runs."""
        return self._process is not None and self._process.poll() is None

    def exit_detail(self) -> str:
        """Return how it ended and its last words."""
        return self._end(LAST_WORDS)

    def _end(self, lines: int) -> str:
        status = self._process.poll() if self._process else None
        if status is None:
            return ""
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return f"ended with {how}; {self._output(lines)}"

    def members(self) -> set[int]:
        """Return its processes now: those that carry its mark, and those below the first."""
        found = process_tree.marked(NODE_VARIABLE, self._mark)
        # Once it was waited for, its pid may be somebody else's.
        if self._process is None or self._process.poll() is not None:
            return found
        return found | process_tree.descendants(self._process.pid)

    def _environment(self) -> dict[str, str]:
        own = {name: value.render(self._resolve) for name, value in self.worker.env.items()}
        environment = os.environ | {"PYTHONUNBUFFERED": "1"} | own
        environment[RUN_VARIABLE] = self._scope.run_id
        environment[NODE_VARIABLE] = self._mark
        environment[CRASH_VARIABLE] = str(self.crash_file)
        environment[DATA_VARIABLE] = str(self.data)
        if self.sync_library is not None:
            environment[LOG_VARIABLE] = str(self.sync_log)
            others = environment.get("LD_PRELOAD")
            environment["LD_PRELOAD"] = ":".join(filter(None, (str(self.sync_library), others)))
        if self.address:
            environment["PORT"] = str(self.address.port)
        return environment

    def _resolve(self, reference: Reference) -> str:
        own: Mapping[str, str] = {
            "python": sys.executable,
            "folder": str(self._folder),
            "data": str(self.data),
            "PORT": str(self.address.port) if self.address else "",
        }
        if not reference.kind:
            return own[reference.field]
        return self._resolve_other(reference)

    def _why(self, program: str, error: OSError) -> str:
        """Return why it can't be executed; a script without its interpreter is not found though it is there."""
        if error.errno == errno.ENOENT and (self._folder / program).exists():
            return "it is there, but the interpreter in its first line is not"
        if error.errno == errno.ENOENT and not self._folder.is_dir():
            return f"the folder {self._folder} is gone"
        return error.strerror or str(error)

    def _not_ready(self, address: Address, last: str) -> ProvisionError:
        name = self.worker.name
        ports = process_tree.listening_ports(self.members()) - {address.port}
        elsewhere = f"; it listens on port {min(ports)} instead of {address.port}" if ports else ""
        return ProvisionError(
            f"worker {name} was not ready in time: GET {self.worker.ready} said {last}{elsewhere}\n{self._output()}",
            hint=f"it must listen on 127.0.0.1 at its PORT; see `ready`, `ready_within_s` of [workers.{name}]",
        )

    def _refuse_dead(self) -> None:
        if not self.is_alive():
            self._await_last_words()
            raise ProvisionError(
                f"worker {self.worker.name} {self._end(LAST_LINES)}",
                hint=self._first_things_to_look_at("`command` and `env`"),
            )

    def _await_last_words(self) -> None:
        # They may still be on their way; a child of it may hold the pipe open for ever.
        poll_until(
            lambda: not self._logs.is_following(self.worker.name),
            Deadline.after(LAST_WORDS_WITHIN_S),
        )

    def _first_things_to_look_at(self, keys: str) -> str:
        see = f"see {keys} of [workers.{self.worker.name}] in system.toml"
        if not self._setup:
            return see
        return f"was `{self._setup}` done in {self._folder}? It is what system.toml says to do once; else {see}"

    def _output(self, lines: int = LAST_LINES) -> str:
        written = self._logs.last_output(self.worker.name).splitlines()
        last, why = written[-lines:], telling_line(written)
        output = "\n".join(last if not why or why in map(str.strip, last) else [why, *last])
        return f"its last output:\n{output}" if output else "it wrote nothing"


def _ask(address: Address, path: str) -> str:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=2)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        # To its end: closing a connection with bytes unread resets it, and many servers log that.
        answer.read()
        return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
