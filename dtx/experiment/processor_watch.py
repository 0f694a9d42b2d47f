"""Notes, twice a second, who had the processors: what is late on a machine that others kept busy proves nothing."""

import threading
import time

from dtx.core.history import STARVED_FROM, ProcessorUse
from dtx.core.ports import Processors, Recorder
from dtx.verify.processors import foreign_share

LOOK_EVERY_S = 0.5
"""Each look adds up all since the last, so more of them would tell no more; one reads a file of every process."""

ENDED_WITHIN_S = 5.0


class ProcessorWatch:
    """A context manager; `stop` ends the looking earlier than its end."""

    def __init__(self, processors: Processors, recorder: Recorder) -> None:
        self._processors = processors
        self._recorder = recorder
        self._uses: list[ProcessorUse] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="dtx-processors", daemon=True)

    def __enter__(self) -> "ProcessorWatch":
        self._processors.use()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the looking, with what was since the last look."""
        self._over.set()
        self._thread.join(timeout=ENDED_WITHIN_S)

    def is_starved(self, since_ns: int) -> bool:
        """Whether other programs have had so much of the processors since then that lateness proves nothing."""
        return foreign_share(list(self._uses), since_ns, time.monotonic_ns()) >= STARVED_FROM

    def _watch(self) -> None:
        is_over = False
        while not is_over:
            is_over = self._over.wait(LOOK_EVERY_S)
            use = self._processors.use()
            if use is not None:
                self._uses.append(use)
                self._recorder.append(use)
