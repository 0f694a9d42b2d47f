"""Signals while a command runs: the first asks it to end and clean up, further ones can't disturb that."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOTICE = b"\ninterrupted; cleaning up (SIGKILL is safe too: the reaper cleans up then)\n"


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt, and ignore those that follow.

    A signal that the caller ignores (nohup) stays ignored. Handlers are put back at the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was set by C code and can't be put back from here.
            if handler is not None:
                signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    for other in _ENDING:
        signal.signal(other, signal.SIG_IGN)
    # The handler may have interrupted a write to stderr: only the plain system call is safe here.
    with contextlib.suppress(OSError):
        os.write(2, _NOTICE)
    raise KeyboardInterrupt
