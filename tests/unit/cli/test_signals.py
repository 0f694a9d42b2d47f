"""An ending signal reaches the main thread, whatever it waits in and whoever took the signal."""

import subprocess
import sys

import pytest

ENDS_WITHIN_S = 60
PROGRAM = """
import signal, sys, threading
from dtx.cli.signals import interruptible

main = threading.get_ident()

def is_waiting():
    # As Condition.wait stands while it waits for its lock.
    seen = sys._current_frames()[main].f_locals
    return seen.get("timeout") == 3600 and seen.get("gotit") is False

def take():
    while not is_waiting():
        pass
    signal.pthread_kill(threading.get_ident(), signal.{name})

signal.signal(signal.{name}, signal.default_int_handler)
with interruptible():
    try:
        threading.Thread(target=take).start()
        threading.Event().wait(3600)
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_that_another_thread_took_ends_a_long_wait_of_the_main_thread(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)],
        capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=True,
    )  # fmt: skip
    assert done.stdout == "interrupted\n"


SWALLOWED = """
import signal, threading
from dtx.cli.signals import interruptible

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
        threading.Event().is_set()  # the handler has run by now, within this method

with interruptible():
    try:
        del [Dying()][0]
        threading.Event().wait(3600)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_interruption_within_a_destructor_is_raised_again_and_not_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWED],
        capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=True,
    )  # fmt: skip
    assert done.stdout == "interrupted\n"
    assert "Traceback" not in done.stderr
