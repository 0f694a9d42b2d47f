"""Standard output whose reader may go away before we end: `dtx list runs | head -1`."""

import contextlib
import os
import sys


def flush_stdout() -> None:
    """Write what is left, so that Python's own exit finds nothing that could fail."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
    except ValueError:
        return  # closed already


def forget_stdout() -> None:
    """Point stdout at nowhere: its reader has gone."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
