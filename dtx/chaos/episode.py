"""One window of the schedule, from its injection to its healing, told in order by one thread."""

import logging
import threading
from collections.abc import Callable, Sequence

from dtx.chaos.fault import Evidence, Ports, Wound
from dtx.chaos.timer import Timer
from dtx.core.history import FaultEvent, FaultPhase
from dtx.core.schedule import Window

_log = logging.getLogger(__name__)


class Episode:
    """Injects, samples and heals one window; whatever goes wrong ends up in its events, not in an exception."""

    def __init__(
        self,
        window: Window,
        wound: Wound,
        ports: Ports,
        timer: Timer,
        *,
        after: Sequence["Episode"] = (),
    ) -> None:
        """Prepare a window.

        Args:
            window: decided: all of its targets are hurt.
            wound: of that window, not yet injected.
            ports: what it may touch.
            timer: what it waits on.
            after: earlier episodes with the same targets; a restart that takes long must not meet the next kill.
        """
        self._window = window
        self._wound = wound
        self._ports = ports
        self._timer = timer
        self._after = after
        self._errors: list[str] = []
        self.is_on = False
        self.ended = threading.Event()

    @property
    def window(self) -> Window:
        """The window."""
        return self._window

    def run(self, start_ns: int) -> None:
        """Wait for the window, hurt, heal. Never raises; a stop before the injection leaves no trace."""
        try:
            if self._wait_for_turn(start_ns):
                self._hurt_and_heal(start_ns)
        except BaseException:
            # Only the recorder can fail here: then there is no place to write it but the log.
            _log.exception("window %d (%s)", self._window.index, self._window.name)
        finally:
            self.is_on = False
            self.ended.set()

    def _wait_for_turn(self, start_ns: int) -> bool:
        if not self._timer.wait_until(start_ns + int(self._window.at_s * 1e9)):
            return False
        for earlier in self._after:
            while not earlier.ended.is_set():
                if not self._timer.wait_until(self._timer.now_ns() + 20_000_000):
                    return False
        return True

    def _hurt_and_heal(self, start_ns: int) -> None:
        self._attempt("aim", self._wound.aim)
        try:
            if self._inject():
                self._watch_until(start_ns + int(self._window.until_s * 1e9))
        finally:
            self._heal()

    def _inject(self) -> bool:
        at_ns, in_flight = self._timer.now_ns(), self._ports.in_flight.count()
        self.is_on = True
        if not self._window.targets:
            self._errors.append(f"no target of {self._window.name} carried traffic in the warm-up")
            is_hurt = False
        else:
            is_hurt = self._attempt("inject", self._wound.inject)
        self._record(FaultPhase.INJECTED, at_ns, in_flight, Evidence())
        return is_hurt

    def _watch_until(self, until_ns: int) -> None:
        step_ns = int(self._wound.watch_every_s * 1e9)
        is_over = False

        def watch() -> None:
            nonlocal is_over
            is_over = self._wound.watch()

        while not is_over:
            now_ns = self._timer.now_ns()
            if now_ns >= until_ns:
                return
            if not self._timer.wait_until(min(until_ns, now_ns + step_ns)):
                return
            self._attempt("watch", watch)

    def _heal(self) -> None:
        is_healed = self._attempt("heal", self._wound.heal)
        self.is_on = False
        self._record(
            FaultPhase.HEALED,
            self._timer.now_ns(),
            self._ports.in_flight.count(),
            self._wound.evidence(),
            is_healed=is_healed,
        )

    def _attempt(self, what: str, act: Callable[[], object]) -> bool:
        """Do it; note an error of any kind, once for each text, and go on: the next step may still succeed."""
        try:
            act()
        except Exception as error:
            _log.warning("%s of %s failed", what, self._window.name, exc_info=True)
            text = f"{what}: {error or type(error).__name__}"
            if text not in self._errors:
                self._errors.append(text)
            return False
        return True

    def _record(
        self,
        phase: FaultPhase,
        at_ns: int,
        in_flight: int,
        evidence: Evidence,
        *,
        is_healed: bool = False,
    ) -> None:
        self._ports.recorder.append(
            FaultEvent(
                at_ns=at_ns,
                window=self._window.index,
                phase=phase,
                fault=self._window.name,
                targets=self._window.targets,
                in_flight=in_flight,
                links=evidence.links,
                nodes=evidence.nodes,
                is_healed=is_healed,
                error="; ".join(self._errors),
            )
        )
