"""Databases and workers of one environment as process trees that can be killed and started again."""

from collections.abc import Mapping, Sequence

from dtx.config.model import System
from dtx.core.deadline import Deadline
from dtx.core.ports import CleanStop, Death
from dtx.targets.database import DatabaseTarget
from dtx.targets.workers.process import WorkerProcess

DATABASE_READY_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
"""For a clean stop: a worker drains its requests, PostgreSQL's fast shutdown writes a checkpoint."""


class NodeTrees:
    """Implements `core.ports.Nodes`."""

    def __init__(
        self,
        system: System,
        databases: Mapping[str, DatabaseTarget],
        workers: Mapping[str, WorkerProcess],
    ) -> None:
        self._system = system
        self._databases = databases
        self._workers = workers

    def names(self) -> Sequence[str]:
        """Databases, then workers."""
        return self._system.nodes

    def links_of(self, node: str) -> Sequence[str]:
        """Return the links that begin or end at the node, but for readers': these prove nothing of a transaction."""
        system = self._system
        return [
            link.name
            for link in system.links
            if node in (link.source, link.destination) and link.source not in system.readers
        ]

    def kill(self, node: str) -> Death:
        """SIGKILL the node's whole tree."""
        if node in self._workers:
            return self._workers[node].kill()
        return self._databases[node].server.kill()

    def stop(self, node: str) -> CleanStop:
        """End a worker by SIGTERM, a database by its fast shutdown; what does not end is killed."""
        if node in self._workers:
            return self._workers[node].stop(STOP_WITHIN_S)
        return self._databases[node].server.shut_down(STOP_WITHIN_S)

    def pause(self, node: str) -> int:
        """SIGSTOP the node's whole tree."""
        if node in self._workers:
            return self._workers[node].pause()
        return self._databases[node].server.pause()

    def resume(self, node: str) -> None:
        """SIGCONT the node's whole tree."""
        if node in self._workers:
            self._workers[node].resume()
        else:
            self._databases[node].server.resume()

    def start(self, node: str) -> None:
        """Start a dead node again and wait until it is ready."""
        if node in self._workers:
            worker = self._workers[node]
            worker.start()
            worker.wait_ready(Deadline.after(worker.worker.ready_within_s))
        else:
            self._databases[node].server.start()
            self._databases[node].wait_ready(DATABASE_READY_WITHIN_S)

    def is_alive(self, node: str) -> bool:
        """Whether the node's first process runs."""
        if node in self._workers:
            return self._workers[node].is_alive()
        return self._databases[node].server.is_alive()

    def last_words(self, node: str) -> str:
        """Return how a dead node ended, in words."""
        if node in self._workers:
            return self._workers[node].exit_detail()
        return f"its last output:\n{self._databases[node].server.last_output()}"
