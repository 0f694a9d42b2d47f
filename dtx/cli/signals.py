"""Signals while a command runs: the first asks it to end and clean up, further ones can't disturb that."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WAKE_EVERY_S = 0.05
_NOTICE = b"\ninterrupted; cleaning up (SIGKILL is safe too: the reaper cleans up then)\n"


@dataclass(slots=True)
class _State:
    """What the handler and the rest of the program tell each other."""

    is_interrupted: bool = False
    is_shown: bool = False


_state = _State()


def is_interrupted() -> bool:
    """Whether a signal has asked the command to end."""
    return _state.is_interrupted


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """While this is on, a display shows the interruption: the notice would disturb its lines."""
    _state.is_shown = True
    try:
        yield
    finally:
        _state.is_shown = False


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt, and ignore those that follow.

    A signal that the caller ignores (nohup) stays ignored. Handlers are put back at the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.is_interrupted = False
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        with _main_thread_woken(), _raised_again():
            yield
    finally:
        for number, handler in before.items():
            # None: it was set by C code and can't be put back from here.
            if handler is not None:
                signal.signal(number, handler)


@contextlib.contextmanager
def _main_thread_woken() -> Iterator[None]:
    """Have the first signal wake the main thread, whichever thread of the process took it.

    Python runs handlers in the main thread alone, and a wait for a lock there goes on, however long, if another thread
    took the signal. Of two that come close together the kernel gives the second to another thread, which takes the
    first along (seen in half of all tries, Linux with Python 3.11).
    """
    taken, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    over = threading.Event()
    waker = threading.Thread(
        target=_wake_main_thread, args=(taken, over), daemon=True, name="signals"
    )
    waker.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        over.set()
        os.close(told)
        waker.join()
        os.close(taken)


def _wake_main_thread(taken: int, over: threading.Event) -> None:
    """Send the first ending signal on to the main thread, until its handler has run."""
    main = threading.main_thread().ident
    while number := os.read(taken, 1):
        if number[0] in _ENDING and main is not None:
            # Again and again: one that comes right before the main thread begins to wait does not end that wait.
            while not _state.is_interrupted and not over.is_set():
                signal.pthread_kill(main, number[0])
                over.wait(_WAKE_EVERY_S)
            return


@contextlib.contextmanager
def _raised_again() -> Iterator[None]:
    """Raise an interruption again that came where Python can't let it through, and would only print it.

    That is within `__del__`, callbacks of weak references and of the garbage collector: nothing else would ever end
    the command then, for further signals are paid no heed.
    """
    before = sys.unraisablehook
    again: list[threading.Timer] = []

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            before(unraisable)
            return
        signal.signal(signal.SIGTERM, _raise)
        # Not at once: it would come within the same `__del__`.
        main = threading.main_thread().ident
        timer = threading.Timer(_WAKE_EVERY_S, signal.pthread_kill, (main, signal.SIGTERM))
        again.append(timer)
        timer.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in again:
            timer.cancel()
            timer.join()


def _raise(number: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(number, _pay_no_heed)
    raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    for other in _ENDING:
        # Not SIG_IGN: of a signal that is under way already CPython would print an error (signalmodule.c, "Signal %i
        # ignored due to race condition").
        if signal.getsignal(other) is not signal.SIG_IGN:
            signal.signal(other, _pay_no_heed)
    _state.is_interrupted = True
    if not _state.is_shown:
        # The handler may have interrupted a write to stderr: only the plain system call is safe here.
        with contextlib.suppress(OSError):
            os.write(2, _NOTICE)
    raise KeyboardInterrupt


def _pay_no_heed(number: int, frame: FrameType | None) -> None:
    del number, frame
