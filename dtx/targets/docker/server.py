"""One server in a container: killed, started again and looked at through the engine."""

import math
import time

import requests
from docker.errors import APIError, NotFound

from dtx.core.errors import ProvisionError
from dtx.core.ports import CleanStop, Death
from dtx.targets.docker.engine import ENGINE_ERRORS, Engine, engine_errors_as, explain
from dtx.targets.runtime import Address

OUTPUT_LINES = 32
"""How much of a server's last output goes into an error message."""

DEATH_WITHIN_S = 20
STOPPED_WITHIN_S = 5.0


class DockerServer:
    """A `ServerProcess` in a container on the host's network; its port is fixed for the container's life."""

    def __init__(
        self, engine: Engine, *, name: str, container: str, address: Address,
        stop_signal: str = "SIGINT",
    ) -> None:  # fmt: skip
        self._engine = engine
        self._name = name
        self._container = container
        self._address = address
        self._stop_signal = stop_signal

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._address

    def kill(self) -> Death:
        """SIGKILL the container's first process, and with it every process of the container.

        The kernel kills a pid namespace with its first process, and reports that one dead only once all the
        others are (pid_namespaces(7)): the engine's "not running" means that none is left.

        Raises:
            ProvisionError: the engine failed, or the container runs on.
        """
        with engine_errors_as(f"can't kill {self._name}"):
            processes = self._process_count()
            if processes == 0:
                return Death(processes=0, detail=self._end())
            try:
                self._engine.api.kill(self._container, signal="SIGKILL")
            except APIError as error:
                if not _is_not_running(error):
                    raise
            self._engine.api.wait(self._container, timeout=DEATH_WITHIN_S, condition="not-running")
        return Death(processes=processes)

    def shut_down(self, within_s: float) -> CleanStop:
        """The product's own stop signal to the container's first process; a container that has not ended in time is killed.

        Raises:
            ProvisionError: the engine failed, or the container runs on.
        """
        with engine_errors_as(f"can't stop {self._name}"):
            processes = self._process_count()
            try:
                self._engine.api.kill(self._container, signal=self._stop_signal)
                self._engine.api.wait(
                    self._container, timeout=math.ceil(within_s), condition="not-running"
                )
            except APIError as error:
                if not _is_not_running(error):
                    raise
            except requests.RequestException:
                pass  # So the SDK says that the time is over: `kill` sees whether anything is left.
        return CleanStop(processes=processes, killed=self.kill().processes)

    def pause(self) -> int:
        """SIGSTOP every process of the container until all are stopped.

        Not the engine's own pause, which uses the freezer and fails on some kernels.

        Raises:
            ProvisionError: the engine failed, or some could not be stopped.
        """
        with engine_errors_as(f"can't pause {self._name}"):
            return self._until("SIGSTOP", are_stopped=True)

    def resume(self) -> None:
        """SIGCONT every process of the container until none is stopped; a dead one is left as it is.

        Raises:
            ProvisionError: the engine failed, or some stay stopped.
        """
        with engine_errors_as(f"can't resume {self._name}"):
            self._until("SIGCONT", are_stopped=False)

    def start(self) -> None:
        """Start it again on the same data and address, without waiting for readiness.

        Raises:
            ProvisionError: the engine can't start it.
        """
        with engine_errors_as(f"can't start {self._name} again"):
            self._engine.api.start(self._container)

    def is_alive(self) -> bool:
        """Whether its first process runs; False if the container is gone.

        Raises:
            ProvisionError: the engine does not answer.
        """
        with engine_errors_as(f"can't look at {self._name}"):
            try:
                state = self._engine.api.inspect_container(self._container)["State"]
            except NotFound:
                return False
        return bool(state["Running"])

    def last_output(self) -> str:
        """The last lines that it wrote, for error messages; says so if they can't be had."""
        try:
            output: bytes = self._engine.api.logs(self._container, tail=OUTPUT_LINES)
        except ENGINE_ERRORS as error:
            return f"(no output: {explain(error)})"
        return output.decode(errors="replace")

    def _until(self, signal: str, *, are_stopped: bool) -> int:
        """Signal every process until two looks in a row find all as wanted; return how many there are.

        Two, as one that still ran during the first may have forked behind its back.
        """
        give_up_at = time.monotonic() + STOPPED_WITHIN_S
        was_done = False
        while True:
            states = self._states()
            others = [state for state in states if state.startswith("T") is not are_stopped]
            if not others and was_done:
                return len(states)
            was_done = not others
            if others:
                if time.monotonic() > give_up_at:
                    raise ProvisionError(
                        f"{len(others)} of {len(states)} processes of {self._name} did not obey {signal}"
                    )
                self._signal_all(signal)

    def _states(self) -> list[str]:
        """Return the states of the processes, in the letters of ps(1), without zombies; none if it is not running."""
        try:
            top = self._engine.api.top(self._container, ps_args="-eo pid,stat")
        except APIError as error:
            if _is_not_running(error):
                return []
            raise
        column = top["Titles"].index("STAT")
        return [row[column] for row in top["Processes"] if not row[column].startswith("Z")]

    def _signal_all(self, signal: str) -> None:
        # The first process obeys SIGSTOP only from outside of its pid namespace (pid_namespaces(7)): the engine
        # sends that one. Everybody else gets it from a shell inside, as root; kill(2) spares that shell.
        self._engine.api.kill(self._container, signal=signal)
        everyone = ["sh", "-c", f"kill -s {signal.removeprefix('SIG')} -- -1"]
        made = self._engine.api.exec_create(self._container, everyone, user="0")
        self._engine.api.exec_start(made["Id"])

    def _process_count(self) -> int:
        try:
            return len(self._engine.api.top(self._container)["Processes"])
        except APIError as error:
            if _is_not_running(error):
                return 0
            raise

    def _end(self) -> str:
        status = self._engine.api.inspect_container(self._container)["State"]["ExitCode"]
        return f"was dead already, exit status {status}; last output:\n{self.last_output()}"


def _is_not_running(error: APIError) -> bool:
    return "is not running" in str(error.explanation or error)
