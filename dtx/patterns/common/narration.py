"""What a worker says about a transaction on stdout: one short line for each step of the protocol.

The lines are the transaction's story for whoever reads the log: `tx=t000042 debit asked of payments, attempt 2`.
"""

import io
import logging
import sys

from psycopg_pool import PoolTimeout


def start_narration() -> None:
    """Send every line of the story at once, and warnings of libraries to stderr."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A line that was told must not be lost when the process is killed right after.
        sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Every broken connection is discarded and replaced: said once by whoever met it, not again by the pool.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def failure_name(error: Exception) -> str:
    """Return what failed, in a word or few; the error's own name where there is no plainer one."""
    return "no free connection" if isinstance(error, PoolTimeout) else type(error).__name__


def tell(tx: str, what: str) -> None:
    """Write one line of the story of `tx`."""
    # Not through logging, which costs five times as much and has nothing to add: a busy worker tells thousands.
    sys.stdout.write(f"tx={tx} {what}\n")
