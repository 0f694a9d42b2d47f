"""The nemesis: walks a schedule beside the clients, and leaves nothing hurt behind.

Each window runs in a thread of its own. A window is then a story in order (wait, hurt, sample, heal), and a healing
that takes seconds, as the restart of a database does, never puts off another window's injection.
"""

import threading
from types import TracebackType
from typing import Self

from dtx.chaos.episode import Episode
from dtx.chaos.fault import Ports
from dtx.chaos.faults import FAULTS
from dtx.chaos.overlap import is_decided
from dtx.chaos.timer import StoppableTimer
from dtx.core.deadline import Deadline
from dtx.core.errors import InternalError
from dtx.core.schedule import Schedule, Window


class Nemesis:
    """Runs the windows of a schedule; as a context manager it stops and heals at the end, whatever happened."""

    def __init__(self, schedule: Schedule, ports: Ports) -> None:
        """Prepare every window.

        Args:
            schedule: with every target decided; see `dtx.chaos.aim.aimed`.
            ports: the running environment; its ports are used from several threads.

        Raises:
            InternalError: a window still has targets to choose from.
        """
        self._timer = StoppableTimer()
        self._episodes: list[Episode] = []
        self._threads: list[threading.Thread] = []
        for window in schedule.windows:
            self._episodes.append(self._episode(window, ports))

    def start(self, start_ns: int) -> None:
        """Begin to walk the schedule.

        Args:
            start_ns: when the main phase begins, on the monotonic clock; windows count from there.
        """
        for episode in self._episodes:
            thread = threading.Thread(
                target=episode.run,
                args=(start_ns,),
                name=f"nemesis-{episode.window.index}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def active(self) -> tuple[Window, ...]:
        """Return the windows that are on now, for a live view."""
        return tuple(e.window for e in self._episodes if e.is_on)

    def wait(self, deadline: Deadline) -> bool:
        """Wait until every window has been healed; return False if the deadline was over first."""
        for thread in self._threads:
            thread.join(deadline.left_s)
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self, deadline: Deadline) -> bool:
        """Heal every open window now and begin no other; return False if the deadline was over first."""
        self._timer.stop()
        return self.wait(deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop(Deadline.after(STOP_WITHIN_S))

    def _episode(self, window: Window, ports: Ports) -> Episode:
        if window.targets and not is_decided(window):
            raise InternalError(
                f"window {window.index} ({window.name}) still has targets to choose"
            )
        wound = FAULTS[window.fault].wound(window, window.targets, ports, self._timer)
        earlier = [e for e in self._episodes if set(e.window.targets) & set(window.targets)]
        return Episode(window, wound, ports, self._timer, after=earlier)


STOP_WITHIN_S = 60.0
"""Enough for two tries to restart a database; after that the environment is torn down anyway."""
