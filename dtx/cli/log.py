"""What parts of the program log while a command runs: kept beside the run, and on stderr only as plain lines."""

import contextlib
import logging
import threading
from collections.abc import Iterator

from dtx.cli.invocation import Invocation
from dtx.cli.troubles import printable, say

_log = logging.getLogger(__name__)

LOG_FILE = "dtx.log"
"""In the run folder."""


@contextlib.contextmanager
def logged(invocation: Invocation) -> Iterator[None]:
    """Take what is logged meanwhile.

    Without a handler Python prints warnings with their tracebacks into whatever stands on the terminal.
    """
    handler = _RunLog(invocation)
    log = logging.getLogger()
    log.addHandler(handler)
    before = threading.excepthook
    threading.excepthook = _thread_ended
    try:
        yield
    finally:
        threading.excepthook = before
        log.removeHandler(handler)


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "a thread"
    _log.error("%s ended: %s", name, ended.exc_value or ended.exc_type.__name__)
    _log.warning("its traceback", exc_info=ended.exc_value)


class _RunLog(logging.Handler):
    def __init__(self, invocation: Invocation) -> None:
        super().__init__(logging.WARNING)
        self._invocation = invocation
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record into the run folder; its first line on stderr if it is an error, all of it with --debug."""
        text = self.format(record)
        folder = self._invocation.folder
        if folder is not None:
            with contextlib.suppress(OSError), (folder / LOG_FILE).open("a") as file:
                file.write(f"{text}\n")
        if self._invocation.is_debug:
            say(text)
        elif record.levelno >= logging.ERROR:
            say(printable(f"dtx: {record.getMessage()}"))
