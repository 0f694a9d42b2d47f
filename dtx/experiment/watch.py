"""Sees to it that no node dies unnoticed: a death that no fault caused goes into the history at once."""

import threading
import time
from collections.abc import Callable, Sequence

from dtx.core.history import ProcessChange, ProcessEvent
from dtx.core.ports import CleanStop, Death, Nodes, Recorder

LOOK_EVERY_S = 0.2


class WatchedNodes:
    """Implements `Nodes` over others, and watches those that are meant to be alive."""

    def __init__(
        self,
        nodes: Nodes,
        last_words: Callable[[str], str],
        recorder: Recorder,
        *,
        dead_servers: Callable[[], Sequence[str]],
    ) -> None:
        """Watch.

        Args:
            nodes: those that faults may kill, and others must not.
            last_words: how a dead node ended, in words.
            recorder: takes the deaths.
            dead_servers: servers beside the nodes that are dead though nothing may kill them.
        """
        self._nodes = nodes
        self._dead_servers = dead_servers
        self._last_words = last_words
        self._recorder = recorder
        self._lock = threading.Lock()
        self._down: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="dtx-watch", daemon=True)

    def __enter__(self) -> "WatchedNodes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=5)

    def names(self) -> Sequence[str]:
        """Return all nodes."""
        return self._nodes.names()

    def links_of(self, node: str) -> Sequence[str]:
        """Return the links that begin or end at the node."""
        return self._nodes.links_of(node)

    def kill(self, node: str) -> Death:
        """Kill the node; from now on its absence is no surprise."""
        with self._lock:
            self._down.add(node)
        return self._nodes.kill(node)

    def stop(self, node: str) -> CleanStop:
        """Stop the node; from now on its absence is no surprise."""
        with self._lock:
            self._down.add(node)
        return self._nodes.stop(node)

    def pause(self, node: str) -> int:
        """Pause the node; it goes on being watched, for a stopped process is there, and may yet die."""
        return self._nodes.pause(node)

    def resume(self, node: str) -> None:
        """Let the node go on."""
        self._nodes.resume(node)

    def start(self, node: str) -> None:
        """Start the node; once ready it is watched again."""
        self._nodes.start(node)
        with self._lock:
            self._down.discard(node)

    def is_alive(self, node: str) -> bool:
        """Whether the node's first process runs."""
        return self._nodes.is_alive(node)

    def down(self) -> tuple[str, ...]:
        """Return the nodes that are down now, for whatever reason."""
        with self._lock:
            return tuple(sorted(self._down))

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            for node in self._nodes.names():
                with self._lock:
                    if node in self._down or self._nodes.is_alive(node):
                        continue
                    self._down.add(node)
                self._record(node, self._last_words(node))
            for server in self._dead_servers():
                if server not in self._down:
                    self._down.add(server)
                    self._record(server, "")

    def _record(self, node: str, detail: str) -> None:
        self._recorder.append(
            ProcessEvent(
                at_ns=time.monotonic_ns(), node=node, change=ProcessChange.DIED, detail=detail
            )
        )
